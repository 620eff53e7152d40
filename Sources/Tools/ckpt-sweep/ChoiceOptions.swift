import ArgumentParser
import Checkpoint
import Command
import Evaluation
import ResolutionSweep
import Statistics

/// Options of choosing a setting from the measurements.
struct ChoiceOptions: ParsableArguments {
  @Option(
    name: .customLong("select"),
    help: ArgumentHelp(
      "How to score the choice: on the images that chose (none), on the other half (half), or by K-fold cross-validation (kfold:K).",
      valueName: "none|half|kfold:K"))
  var method: SelectionMethod = .none

  @Option(
    help: ArgumentHelp(
      "Setting to take: the most accurate, or the cheapest that cannot be distinguished from it (default: accuracy with --select none, else cheap).",
      valueName: "preference"))
  var prefer: Preference?

  @Option(help: ArgumentHelp("Metric that compares settings.", valueName: "metric"))
  var metric: Metric = .top1

  @Option(
    help: ArgumentHelp(
      "Maximum cost per image: multiply-adds (4.1G, 300M), or milliseconds of latency (20ms), which is then measured.",
      valueName: "cost"))
  var budget: Budget?

  @Flag(help: "Visit images in random order and drop settings as soon as they are significantly worse.")
  var race = false

  @Option(
    help: ArgumentHelp(
      "Probability that the settings marked as best include the best one, and that a race keeps it.",
      valueName: "p"))
  var confidence = 0.95

  @Option(help: ArgumentHelp("Seed of all random choices.", valueName: "n"))
  var seed: UInt64 = 0

  func validate() throws {
    // Closer to 0 or 1 than this, quantiles have no digits left.
    try OptionBounds.check(["--confidence": confidence], .within(1e-6...1 - 1e-6))
  }

  private var rule: SelectionRule {
    SelectionRule(preference: prefer ?? (method == .none ? .accuracy : .cheap), level: confidence)
  }

  var request: SweepReport.Request {
    SweepReport.Request(method: method, rule: rule, metric: metric, budget: budget, seed: seed)
  }

  /// All images in the order that the seed gives.
  func shuffledImages(_ count: Int) -> [Int] {
    var generator = SeededGenerator(seed: seed, for: "order of a race")
    return generator.permutation(count)
  }

  /// Settings that the choice depended on.
  func provenance(of report: SweepReport) -> [(String, JSON)] {
    var options: [(String, JSON)] = [
      ("data", .string(lastComponents(report.dataset))), ("settings", JSON(report.rows.count)),
      ("images", JSON(report.rows[report.verdict.chosen].top1.count)), ("select", .string(method.name)),
      ("prefer", .string(rule.preference.rawValue)), ("metric", .string(metric.rawValue)),
      ("confidence", JSON(confidence)), ("race", .bool(race)), ("seed", .number("\(seed)")),
    ]
    if let budget { options.append(("budget", .string(budget.description))) }
    return options
  }
}

extension SelectionMethod: ExpressibleByArgument {
  /// From `none`, `half` or `kfold:K`.
  public init?(argument: String) { self.init(argument) }
  /// The text that gives this method.
  public var defaultValueDescription: String { name }
}

extension Budget: ExpressibleByArgument {
  /// From `300M`, `4.1G` or `20ms`.
  public init?(argument: String) { self.init(argument) }
}

extension Preference: ExpressibleByArgument {}
extension Metric: ExpressibleByArgument {}
