import ArgumentParser
import Averaging

/// How the checkpoints are combined.
struct MethodOptions: ParsableArguments {
  static let greedySoup = "greedy-soup"
  static let swagSample = "swag-sample"
  static let names = averagingMethods.map { $0.name } + [greedySoup, swagSample]

  @Option(
    name: .long,
    help: ArgumentHelp(
      "How checkpoints are combined: \(Self.names.joined(separator: ", ")).", valueName: "name"),
    completion: .list(Self.names))
  var method = "mean"

  @Option(
    name: .long,
    help: ArgumentHelp(
      "ema: share of the old average that is kept (default: 0.9, or 0.9999 with --warmup); several for several outputs.",
      valueName: "d,d…"))
  var decay: NumberList?

  @Option(
    name: .long, help: ArgumentHelp("ema: the decay that halves a weight in this distance.", valueName: "n"))
  var halfLife: Double?

  @Option(
    name: .long, help: ArgumentHelp("ema: training steps that the decay is meant for.", valueName: "steps"))
  var decayInterval: Double?

  @Flag(name: .long, help: "ema: start at zero and divide by 1 - d^n.")
  var debiased = false

  @Flag(name: .long, help: "ema: warm the decay up as timm's ModelEmaV3 does.")
  var warmup = false

  @Option(name: .long, help: ArgumentHelp("ema: power of the warm-up (default: 2/3).", valueName: "p"))
  var warmupPower: Double?

  @Option(name: .long, help: ArgumentHelp("ema: inverse factor of the warm-up (default: 1).", valueName: "g"))
  var warmupGamma: Double?

  @Option(name: .long, help: ArgumentHelp("tanh-ema: factor of tanh(n) (default: 0.9).", valueName: "a"))
  var alpha: Double?

  @Option(
    name: .long, help: ArgumentHelp("power-ema, posthoc-ema: relative width of the average.", valueName: "s"))
  var sigma: Double?

  @Option(
    name: .long, help: ArgumentHelp("power-ema, posthoc-ema: exponent instead of a width.", valueName: "g"))
  var gamma: Double?

  @Option(
    name: .long,
    help: ArgumentHelp("posthoc-ema: width of the snapshots, one for all or one each.", valueName: "s,s…"))
  var sourceSigma: NumberList?

  @Option(
    name: .long,
    help: ArgumentHelp("posthoc-ema: step at which the average ends (default: the last).", valueName: "step"))
  var targetStep: Double?

  @Option(
    name: .long,
    help: ArgumentHelp("trimmed-mean: share dropped at either end (default: 0.1).", valueName: "p"))
  var trim: Double?

  @Option(name: .long, help: ArgumentHelp("swag: number of deviations kept (default: 20).", valueName: "k"))
  var swagRank: Double?

  @Flag(name: .long, help: "swag: deviations from the final mean instead of the running one.")
  var swagCentered = false

  @Option(
    name: .long,
    help: ArgumentHelp("mean: number of models behind every checkpoint, in order.", valueName: "n,n…"))
  var counts: NumberList?

  @Option(name: .long, help: ArgumentHelp("weights: one for every checkpoint, in order.", valueName: "w,w…"))
  var weights: NumberList?

  @Flag(name: .long, help: "weights: do not divide by their sum.")
  var unnormalized = false

  func validate() throws {
    let known = Self.names + averagingMethods.flatMap { $0.aliases }
    guard known.contains(method) else {
      throw ValidationError("unknown method '\(method)'; there are \(Self.names.joined(separator: ", "))")
    }
  }

  /// What was given.
  ///
  /// - Parameter decay: The one of the decays that is meant.
  func parameters(decay: Double?) -> MethodParameters {
    var values: [MethodParameter: [Double]] = [:]
    let numbers: [(MethodParameter, Double?)] = [
      (.decay, decay), (.halfLife, halfLife), (.decayInterval, decayInterval), (.warmupPower, warmupPower),
      (.warmupGamma, warmupGamma), (.alpha, alpha), (.sigma, sigma), (.gamma, gamma),
      (.targetStep, targetStep), (.trim, trim), (.rank, swagRank),
    ]
    for (parameter, value) in numbers { values[parameter] = value.map { [$0] } }
    values[.weights] = weights?.values
    values[.counts] = counts?.values
    values[.sourceSigma] = sourceSigma?.values
    let switches: [(MethodParameter, Bool)] = [
      (.debiased, debiased), (.warmup, warmup), (.unnormalized, unnormalized),
      (.centered, swagCentered),
    ]
    for (parameter, isOn) in switches where isOn { values[parameter] = [1] }
    return MethodParameters(values)
  }
}

/// Finite numbers with commas between them.
struct NumberList: ExpressibleByArgument {
  let values: [Double]

  init?(argument: String) {
    let numbers = argument.split(separator: ",", omittingEmptySubsequences: false).map { Double($0) }
    guard numbers.allSatisfy({ $0?.isFinite ?? false }) else { return nil }
    values = numbers.map { $0! }
  }
}
