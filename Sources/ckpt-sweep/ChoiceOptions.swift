import ArgumentParser
import Checkpoint
import ResolutionSweep

/// How a setting is chosen from the measurements.
struct ChoiceOptions: ParsableArguments {
  @Option(
    name: .customLong("select"),
    help: ArgumentHelp(
      "Which images choose: none (all, and the same ones score), half (one half, the other scores) or kfold:K.",
      valueName: "none|half|kfold:K"))
  var method: SelectionMethod = .none

  @Option(
    name: .long,
    help: ArgumentHelp(
      "Take the most accurate setting, or the cheapest that cannot be told from it (default: accuracy with --select none, else cheap).",
      valueName: "accuracy|cheap"))
  var prefer: Preference?

  @Option(name: .long, help: ArgumentHelp("Compare by top1, top5 or loss.", valueName: "metric"))
  var metric: Metric = .top1

  @Option(name: .long, help: ArgumentHelp("Seed of everything random.", valueName: "n"))
  var seed: UInt64 = 0

  var rule: SelectionRule { SelectionRule(preference: prefer ?? (method == .none ? .accuracy : .cheap)) }

  /// What the choice depended on.
  func provenance(of report: SweepReport) -> [(String, JSON)] {
    [
      ("data", .string(report.dataset)), ("settings", JSON(report.rows.count)),
      ("images", JSON(report.rows[report.verdict.chosen].top1.count)), ("select", .string(method.name)),
      ("prefer", .string(rule.preference.rawValue)), ("metric", .string(metric.rawValue)),
      ("seed", .number("\(seed)")),
    ]
  }
}

extension SelectionMethod: ExpressibleByArgument {
  /// From `none`, `half` or `kfold:K`.
  public init?(argument: String) { self.init(argument) }
  /// The text that gives this method.
  public var defaultValueDescription: String { name }
}

extension Preference: ExpressibleByArgument {}
extension Metric: ExpressibleByArgument {}
