import ArgumentParser
import Averaging
import Checkpoint
import Command
import Platform
import SeriesCommand

/// Choosing among averages by what a command says about them.
struct SearchOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Shell command that receives a checkpoint path as $1 and prints a score.", valueName: "command"))
  var eval: String?

  @Option(help: "Best score: the highest or the lowest (default: max; required with --best).")
  var mode: GreedySoup.Mode?

  @Option(
    help: ArgumentHelp(
      "Candidates, such as last=2:12 or decay=0.5,0.9; with --eval, only the best is written.",
      valueName: "what"))
  var search: [String] = []

  func validate() throws { for text in search { _ = try Self.parse(text) } }

  /// The averages to make: one, or every combination of the decays and windows asked for.
  func variants(method: MethodOptions, input: SeriesOptions) throws -> [Variant] {
    var decays = method.decay?.values.map { Optional($0) } ?? [nil]
    var windows = input.last?.values.map { Optional(Int($0)) } ?? [nil]
    for text in search {
      let (key, values) = try Self.parse(text)
      if key == "decay" { decays = values } else { windows = values.map { Int($0) } }
    }
    return try windows.flatMap { window in
      try decays.map { decay in
        var names: [String: String] = [:]
        names["decay"] = decay.map(Self.text)
        names["last"] = window.map(String.init)
        return Variant(method: try method.make(decay: decay), window: window, names: names)
      }
    }
  }

  private static func parse(_ text: String) throws -> (key: String, values: [Double]) {
    let parts = text.split(separator: "=", maxSplits: 1).map(String.init)
    if parts.count == 2, parts[0] == "last", let sizes = SizeList(argument: parts[1]) {
      return ("last", sizes.sizes.map(Double.init))
    }
    if parts.count == 2, parts[0] == "decay", let list = NumberList(argument: parts[1]) {
      return ("decay", list.values)
    }
    throw ValidationError("--search takes last=SIZES or decay=D,D…, not '\(text)'")
  }

  private static func text(_ value: Double) -> String { Int(exactly: value).map(String.init) ?? "\(value)" }
}

extension GreedySoup.Mode: ExpressibleByArgument {}

/// Scores averages by a command.
struct CandidateEvaluation {
  let command: String
  let mode: GreedySoup.Mode
  let job: Job

  /// The variant with the best score, the first among equals.
  func best(of variants: [Variant]) throws -> Variant {
    var best: (variant: Variant, score: Double)?
    var candidates: [(names: [String: String], score: Double)] = []
    for variant in variants {
      let score = try score(variant)
      let label = variant.names.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" }.joined(
        separator: ", ")
      job.console.notice("\(label): \(score)")
      candidates.append((variant.names, score))
      if best == nil || mode.isBetter(score, than: best!.score) { best = (variant, score) }
    }
    var chosen = best!.variant
    chosen.choice = .init(mode: mode, score: best!.score, candidates: candidates)
    return chosen
  }

  /// The mean of the greedily selected checkpoints.
  func greedySoup() throws -> Variant {
    let count = job.timeline.count
    let result = try GreedySoup.select(count: count, mode: mode) { members in
      let score = try score(try Self.mean(of: members, count: count))
      job.console.detail(
        "\(members.map { escaped(job.series.members[$0].name) }.joined(separator: " ")): \(score)")
      return score
    }
    job.console.notice(
      "\(result.members.count) of \(count) checkpoints, score \(result.score): \(result.members.map { escaped(job.series.members[$0].name) }.joined(separator: " "))"
    )
    var chosen = try Self.mean(of: result.members, count: count)
    chosen.choice = .init(
      methodName: MethodOptions.greedySoup, mode: mode, score: result.score, alone: result.alone)
    return chosen
  }

  private static func mean(of members: [Int], count: Int) throws -> Variant {
    let weights = (0..<count).map { members.contains($0) ? 1.0 : 0 }
    return Variant(method: try WeightedSum(weights: weights))
  }

  private func score(_ variant: Variant) throws -> Double {
    try withPrivateFile(prefix: "ckpt-average", name: "candidate.safetensors") { path in
      try job.write([(variant, .path(path))], digest: DigestKind.none, isCandidate: true)
      return try ScoringCommand(command, option: "--eval").score(of: path)
    }
  }
}
