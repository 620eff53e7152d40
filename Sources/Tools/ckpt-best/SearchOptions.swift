import ArgumentParser
import Command
import ModelSearch
import Platform
import ResolutionSweep
import SeriesCommand

/// How the search chooses, and what it may spend.
struct SearchOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Limit on time (90s, 20m, 2h), or on images that pass through a network (50000img).", valueName: "limit"
    ))
  var budget: SearchBudget?

  @Option(
    help: ArgumentHelp(
      "How the choice is scored: on the half of --val that does not choose, by K-fold cross-validation, or on --test alone (none).",
      valueName: "half|kfold:K|none"))
  var select = Division(.half)

  @Option(
    help: ArgumentHelp(
      "Maximum number of training images for BatchNorm statistics (default: 1024).", valueName: "n"))
  var bnImages: Int?

  @Option(
    help: ArgumentHelp(
      "Probability that the race keeps the best entrant, and that those marked as best include it.",
      valueName: "p"))
  var confidence = 0.95

  @Option(
    help: ArgumentHelp(
      "Maximum number of entrants in the final, the last checkpoint apart (default: 12).", valueName: "n"))
  var finalists: Int?

  @Option(
    help: ArgumentHelp(
      "Number of leaders that other resizes and --tune are tried with (default: 2).", valueName: "n"))
  var leaders: Int?

  @Option(help: ArgumentHelp("Seed of all random choices.", valueName: "n"))
  var seed: UInt64 = 0

  @Option(
    help: ArgumentHelp(
      "Answer without which nothing is written and the exit status is 1.", valueName: "better"))
  var require: Requirement?

  enum Requirement: String, ExpressibleByArgument, CaseIterable { case better }

  func validate() throws {
    try OptionBounds.check(["--bn-images": bnImages])
    try OptionBounds.check(["--finalists": finalists, "--leaders": leaders], 1...1000)
    try OptionBounds.check(["--confidence": confidence], .within(1e-6...1 - 1e-6))
    if case .folds = select.method, finalists != nil || leaders != nil {
      throw ValidationError(
        "--finalists and --leaders follow from images that --select kfold scores on; they go with half and none"
      )
    }
  }

  /// Images for the statistics at most.
  var statisticsImages: Int { bnImages ?? 1024 }
  /// Entrants in the final at most.
  var finalistCount: Int { finalists ?? 12 }
  /// Leaders that other resizes and tuning are tried with.
  var leaderCount: Int { leaders ?? 2 }
}

/// Fine-tuning of the leaders.
struct LeaderOptions: ParsableArguments {
  @Option(help: ArgumentHelp("Layers of the leaders to fine-tune on --train.", valueName: "layers"))
  var tune: Layers = .none

  @Option(help: ArgumentHelp("Learning rates to try (default: 0.001,0.01).", valueName: "x,x…"))
  var tuneLr: NumberList?

  @Option(help: ArgumentHelp("Passes over the training images (default: 30).", valueName: "n"))
  var tuneEpochs: Int?

  enum Layers: String, ExpressibleByArgument, CaseIterable {
    case none
    case classifier = "fc"
    case classifierAndBatchNorm = "fc+bn"
    case classifierAndLayerNorm = "fc+norm"
  }

  func validate() throws {
    try OptionBounds.check(["--tune-epochs": tuneEpochs], 1...1_000_000)
    if tune == .none && (tuneLr != nil || tuneEpochs != nil) {
      throw ValidationError("--tune-lr and --tune-epochs go with --tune")
    }
    if let tuneLr, !tuneLr.values.allSatisfy({ $0 > 0 }) || tuneLr.values.isEmpty {
      throw ValidationError("--tune-lr takes numbers above 0")
    }
  }

  /// The tunings that are tried.
  var tunings: [Tuning] {
    guard let layers = Tuning.Layers(rawValue: tune.rawValue) else { return [] }
    var rates: [Double] = []
    for rate in tuneLr?.values ?? [1e-3, 1e-2] where !rates.contains(rate) { rates.append(rate) }
    return rates.map { Tuning(layers: layers, learningRate: $0, epochs: tuneEpochs ?? 30) }
  }
}

extension SearchBudget: ExpressibleByArgument {
  /// From `20m` or `50000img`.
  public init?(argument: String) { self.init(argument) }
}

/// `--select`.
struct Division: ExpressibleByArgument {
  let method: SelectionMethod

  init(_ method: SelectionMethod) { self.method = method }

  init?(argument: String) {
    guard let method = SelectionMethod(argument) else { return nil }
    self.method = method
  }

  var defaultValueDescription: String { method.name }
}
