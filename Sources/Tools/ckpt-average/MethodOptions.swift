import ArgumentParser
import Averaging
import Checkpoint
import SeriesCommand

/// Options of combining the checkpoints.
struct MethodOptions: ParsableArguments {
  static let greedySoup = "greedy-soup"
  static let swagSample = "swag-sample"
  static let names = offeredMethods.map(\.name) + [greedySoup, swagSample]

  @Option(
    help: ArgumentHelp(
      "Averaging method: \(Self.names.joined(separator: ", ")).", valueName: "name"),
    completion: .list(Self.names))
  var method = "mean"

  @Option(
    help: ArgumentHelp(
      "ema: fraction of the old average that is kept (default: 0.9, or 0.9999 with --warmup); several values give several outputs.",
      valueName: "d,d…"))
  var decay: NumberList?

  @Option(help: ArgumentHelp("ema: half-life of a weight, an alternative to --decay.", valueName: "n"))
  var halfLife: Double?

  @Option(help: ArgumentHelp("ema: number of training steps per decay.", valueName: "steps"))
  var decayInterval: Double?

  @Flag(help: "ema: start at zero and divide by 1 - d^n.")
  var debiased = false

  @Flag(help: "ema: ramp up the decay as in timm's ModelEmaV3.")
  var warmup = false

  @Option(help: ArgumentHelp("ema: power of the warm-up (default: 2/3).", valueName: "p"))
  var warmupPower: Double?

  @Option(help: ArgumentHelp("ema: inverse factor of the warm-up (default: 1).", valueName: "g"))
  var warmupGamma: Double?

  @Option(help: ArgumentHelp("tanh-ema: factor of tanh(n) (default: 0.9).", valueName: "a"))
  var alpha: Double?

  @Option(help: ArgumentHelp("power-ema, posthoc-ema: relative width of the average.", valueName: "s"))
  var sigma: Double?

  @Option(help: ArgumentHelp("power-ema, posthoc-ema: exponent, an alternative to --sigma.", valueName: "g"))
  var gamma: Double?

  @Option(
    help: ArgumentHelp(
      "posthoc-ema: relative width of the snapshots, one for all or one each.", valueName: "s,s…"))
  var sourceSigma: NumberList?

  @Option(
    help: ArgumentHelp("posthoc-ema: step at which the average ends (default: the last).", valueName: "step"))
  var targetStep: Double?

  @Option(help: "schedule: learning-rate decay that the weights emulate.")
  var schedule: MergingSchedule.Curve?

  @Option(help: ArgumentHelp("trimmed-mean: fraction dropped at each end (default: 0.1).", valueName: "p"))
  var trim: Double?

  @Option(help: ArgumentHelp("swag: number of deviations kept (default: 20).", valueName: "k"))
  var swagRank: Int?

  @Flag(help: "swag: deviations from the final mean instead of the running one.")
  var swagCentered = false

  @Option(
    help: ArgumentHelp(
      "mean: number of models or samples in each checkpoint, in the order given.", valueName: "n,n…"))
  var counts: NumberList?

  @Option(
    help: ArgumentHelp(
      "weights, slerp, task-arithmetic, ties: weight of each checkpoint, in the order given.",
      valueName: "w,w…"))
  var weights: NumberList?

  @Option(
    help: ArgumentHelp(
      "task-arithmetic, model-stock, ties: checkpoint from which the others were fine-tuned.",
      valueName: "checkpoint"),
    completion: .file())
  var pretrained: String?

  @Option(
    help: ArgumentHelp("ties: fraction of the largest differences to keep (default: 0.2).", valueName: "d"))
  var density: Double?

  @Option(
    help: ArgumentHelp(
      "task-arithmetic, model-stock, ties: factor of the merged difference of tensors with matching names; the first match counts.",
      valueName: "regex=c"))
  var group: [TensorGroup] = []

  @Flag(help: "weights: do not normalize to a sum of 1.")
  var unnormalized = false

  /// Options that were given, and their names.
  var given: [(path: PartialKeyPath<Self>, flag: String)] {
    let all: [(path: PartialKeyPath<Self>, flag: String, isGiven: Bool)] = [
      (\.decay, "--decay", decay != nil), (\.halfLife, "--half-life", halfLife != nil),
      (\.decayInterval, "--decay-interval", decayInterval != nil), (\.debiased, "--debiased", debiased),
      (\.warmup, "--warmup", warmup), (\.warmupPower, "--warmup-power", warmupPower != nil),
      (\.warmupGamma, "--warmup-gamma", warmupGamma != nil), (\.alpha, "--alpha", alpha != nil),
      (\.sigma, "--sigma", sigma != nil), (\.gamma, "--gamma", gamma != nil),
      (\.sourceSigma, "--source-sigma", sourceSigma != nil),
      (\.targetStep, "--target-step", targetStep != nil), (\.schedule, "--schedule", schedule != nil),
      (\.trim, "--trim", trim != nil), (\.swagRank, "--swag-rank", swagRank != nil),
      (\.swagCentered, "--swag-centered", swagCentered), (\.counts, "--counts", counts != nil),
      (\.weights, "--weights", weights != nil), (\.unnormalized, "--unnormalized", unnormalized),
      (\.pretrained, "--pretrained", pretrained != nil), (\.density, "--density", density != nil),
      (\.group, "--group", !group.isEmpty),
    ]
    return all.filter(\.isGiven).map { ($0.path, $0.flag) }
  }

  /// True if an option says something of every checkpoint, in their order.
  var hasListPerFile: Bool {
    counts != nil || weights != nil || method == SphericalInterpolation.name
      || (sourceSigma?.values.count ?? 1) > 1
  }

  func validate() throws {
    let known = Self.names + offeredMethods.flatMap(\.aliases)
    guard known.contains(method) else {
      throw ValidationError(
        "unknown method '\(TensorName(method).escaped)'; expected one of \(Self.names.joined(separator: ", "))"
      )
    }
  }

  /// The method that was chosen.
  ///
  /// - Parameter decay: The one of the decays that is meant.
  /// - Throws: `AveragingError`, or `Failure` for an option that is missing or has no meaning for the method.
  func make(decay: Double?) throws -> any AveragingMethod {
    var options = self
    options.decay = decay.map { NumberList(values: [$0]) }
    let arguments = MethodArguments(options)
    // A soup is a mean of what is chosen.
    let name = method == Self.greedySoup ? Mean.name : method
    let offered = offeredMethods.first { $0.name == name || $0.aliases.contains(name) }!
    let made = try offered.make(arguments)
    if made.beginsWithPretrained {
      _ = try arguments.required(\.pretrained, "--pretrained", method)
      _ = arguments.group
    }
    try arguments.refuseOthers(method: method)
    return made
  }
}

/// `--group`: an expression for names of tensors and their coefficient.
struct TensorGroup: ExpressibleByArgument {
  let pattern: String
  let coefficient: Double

  init?(argument: String) {
    // The last one: expressions may contain the sign.
    guard let equals = argument.utf8.lastIndex(of: UInt8(ascii: "=")),
      let coefficient = Double(argument[argument.utf8.index(after: equals)...]), coefficient.isFinite
    else { return nil }
    pattern = String(argument[..<equals])
    self.coefficient = coefficient
    guard !pattern.isEmpty, (try? Regex(pattern)) != nil else { return nil }
  }
}

extension [TensorGroup] {
  /// The coefficient of the first group that a tensor belongs to.
  func coefficient(of name: TensorName) -> Double? {
    first { group in
      guard let regex = try? Regex(group.pattern) else { return false }
      return (try? regex.firstMatch(in: name.string)) ?? nil != nil
    }?.coefficient
  }

  /// The groups for the provenance; empty without any.
  var settings: [(String, JSON)] {
    isEmpty ? [] : [("group", .array(map { .string("\($0.pattern)=\(JSON($0.coefficient).encoded())") }))]
  }
}

extension MergingSchedule.Curve: ExpressibleByArgument {}
