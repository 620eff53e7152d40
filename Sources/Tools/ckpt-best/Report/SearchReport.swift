import Checkpoint
import Command
import Evaluation
import ImageData
import ModelSearch
import NetworkCommand
import Platform
import ResolutionSweep
import SeriesCommand
import Statistics

/// Result of a search in words and numbers: table, JSON, model card and page are made of it.
struct SearchReport {
  let result: SearchResult
  /// Names of the checkpoints, as short as tells them apart.
  let names: [String]
  /// Paths of the checkpoints.
  let paths: [String]
  /// Name of the network.
  let architecture: String
  /// Names of the images that choose, and of those of the statistics.
  let val: String
  let train: String?
  /// The pipe that makes the same file, and that of the last checkpoint as it is.
  let pipe: Pipe
  let seed: UInt64

  init(_ result: SearchResult, job: SearchJob) {
    self.result = result
    names = job.names
    paths = job.paths
    architecture = job.model.network.architectureName
    (val, train) = (job.command.source.val, job.command.source.train)
    pipe = Pipe(result.chosen, job: job)
    seed = job.command.search.seed
  }

  // MARK: Words

  /// The answer and what it rests on, a line each; the first one is the answer.
  var answerLines: [String] {
    let chosen = result.chosen.text(names: names)
    guard let score = result.scores.last else { return [chosen] }
    var images = "\(counted(score.top1.count, "image")) that had no part in the choice"
    var subject = ""
    if case .folds(let count) = result.plan.method, result.scores.count == 1 {
      // Each part of the images scores what is chosen without it.
      images = "\(counted(score.top1.count, "image")) in \(count) parts"
      subject = "choosing without each part has "
    }
    let accuracy = "\(subject)top-1 \(percent(score.top1.value))"
    var lines: [String] = []
    switch result.answer {
    case .last:
      lines.append(
        "nothing is better than the last checkpoint, which stays as it is: top-1 \(percent(score.last.value)) on \(images)"
      )
    case .better:
      lines.append("\(chosen): \(accuracy), \(gain(score)) over the last checkpoint on \(images)")
    case .notShown:
      lines.append(
        "nothing is shown to be better than the last checkpoint; chosen is \(chosen): \(accuracy), \(gain(score)) on \(images)"
      )
    }
    if result.scores.count > 1 {
      let first = result.scores[0]
      lines.append(
        "on the \(result.plan.method == .half ? "scoring half" : "parts") of \(displayName(lastComponents(first.dataset))): top-1 \(percent(first.top1.value)), \(gain(first))"
      )
    }
    if let optimism = result.optimism, result.answer != .last {
      lines.append(
        "on the choosing images the choice looks better by about \(String(format: "%.2f points", 100 * optimism)) for its luck among the finalists"
      )
    }
    return lines
  }

  /// The gain over the last checkpoint with its interval.
  func gain(_ score: Score) -> String {
    let interval = score.gainInterval
    let chance = score.midP.map { ", mid-p " + ($0 < 1e-4 ? "below 0.0001" : String(format: "%.4f", $0)) }
    return String(
      format: "%+.2f points (95 %% interval %+.2f to %+.2f", 100 * score.comparison.difference,
      100 * interval.lowerBound, 100 * interval.upperBound) + (chance ?? "") + ")"
  }

  func percent(_ share: Double) -> String { String(format: "%.2f %%", 100 * share) }

  /// The gain of a stage in points.
  func gain(_ stage: SearchResult.Stage) -> String {
    stage.gain.map { String(format: "%+.2f", 100 * $0) } ?? ""
  }

  /// The cost and what the budget cut.
  var costLine: String {
    var line = "\(counted(result.spent.images - result.inherited.images, "image")) through networks"
    if let budget = result.budget {
      if case .seconds = budget {
        line += " in \(SearchCost.duration(result.spent.seconds - result.inherited.seconds))"
      }
      line += ", of a budget of \(budget.description)"
    }
    if result.inherited.images > 0 { line += "; \(result.inherited.images) more in the shards" }
    return line
  }

  /// Finalists, the most accurate first.
  var finalists: [SearchResult.Row] {
    result.rows.filter(\.isFinalist).enumerated().sorted {
      ($1.element.top1.successes, $0.offset) < ($0.element.top1.successes, $1.offset)
    }.map(\.element)
  }

  // MARK: Table

  /// Stages, finalists, the answer and the pipe as text.
  var table: String {
    var lines = [Self.row("stage", "tried", "images", "top-1 %", "gain", "leader")]
    for stage in result.stages {
      lines.append(
        Self.row(
          stage.kind.rawValue, "\(stage.tried)", "\(stage.cost.images)",
          String(format: "%.2f", 100 * stage.top1.value), gain(stage), stage.leader.text(names: names)))
    }
    lines += ["", Self.row("", "", "n", "top-1 %", "", "finalist")]
    for row in finalists {
      lines.append(
        Self.row(
          row.isChosen ? "*" : row.isIndistinguishable ? "=" : "", "", "\(row.top1.count)",
          String(format: "%.2f", 100 * row.top1.value), "", row.entrant.text(names: names)))
    }
    let out = result.rows.count { !$0.isFinalist }
    lines += [
      "", "* chosen; = indistinguishable from the best on the \(result.plan.selecting.count) choosing images",
    ]
    if out > 0 {
      lines.append("\(counted(out, "entrant")) left before the final; --report says when and why")
    }
    lines += ["top-1 and gain of the stages are of choosing images and too good; what counts is this:", ""]
    lines += answerLines + [costLine, "", "the same file, but for the history:", "  " + pipe.text]
    return lines.joined(separator: "\n") + "\n"
  }

  private static func row(
    _ a: String, _ b: String, _ c: String, _ d: String, _ gain: String, _ e: String
  ) -> String {
    func right(_ text: String, _ width: Int) -> String {
      String(repeating: " ", count: max(0, width - text.count)) + text
    }
    let first = a + String(repeating: " ", count: max(0, 7 - a.count))
    let line = "\(first)\(right(b, 6))  \(right(c, 8))  \(right(d, 7))  \(right(gain, 6))  \(e)"
    return line
  }

  // MARK: JSON

  /// The report as one JSON object.
  var json: JSON {
    var members: [(String, JSON)] = [
      ("schema", JSON(1)), ("tool", .string(Best.toolName)), ("version", .string(toolsVersion)),
      ("architecture", .string(architecture)), ("checkpoints", .array(paths.map(JSON.string))),
      ("val", .string(val)), ("train", train.map(JSON.string) ?? .null), ("seed", .number("\(seed)")),
      ("select", .string(result.plan.method.name)),
      ("choosing_images", JSON(result.plan.selecting.count)),
      ("statistics_images", JSON(result.plan.statisticsImages)),
      ("answer", .string(result.answer.rawValue)), ("chosen", result.chosen.json),
      ("scores", .array(result.scores.map(\.json))), ("optimism", result.optimism.map { JSON($0) } ?? .null),
    ]
    let stages = result.stages.map { stage in
      JSON.object([
        ("stage", .string(stage.kind.rawValue)), ("tried", JSON(stage.tried)),
        ("leader", stage.leader.json), ("n", JSON(stage.top1.count)), ("top1", JSON(stage.top1.value)),
        ("gain", stage.gain.map { JSON($0) } ?? .null), ("images", JSON(stage.cost.images)),
        ("seconds", JSON(stage.cost.seconds)),
      ])
    }
    let rows = result.rows.map { row in
      JSON.object([
        ("entrant", row.entrant.json), ("n", JSON(row.top1.count)), ("top1", JSON(row.top1.value)),
        ("final", .bool(row.isFinalist)), ("indistinguishable", .bool(row.isIndistinguishable)),
        ("chosen", .bool(row.isChosen)), ("left", row.reason.map { .string($0.rawValue) } ?? .null),
      ])
    }
    let shortages = result.shortages.map {
      JSON.object([
        ("stage", .string($0.stage.rawValue)), ("wanted", JSON($0.wanted)), ("kept", JSON($0.kept)),
      ])
    }
    members += [
      ("stages", .array(stages)), ("rows", .array(rows)),
      (
        "cost",
        .object([
          ("images", JSON(result.spent.images)), ("multiply_adds", JSON(result.spent.multiplyAdds)),
          ("seconds", JSON(result.spent.seconds)),
          ("images_of_shards", JSON(result.inherited.images)),
          ("budget", result.budget.map { .string($0.description) } ?? .null), ("cut", .array(shortages)),
        ])
      ), ("pipe", .array(pipe.commands.map { .array($0.map(JSON.string)) })),
    ]
    return .object(members)
  }
}

extension Entrant {
  /// The entrant in words.
  func text(names: [String]) -> String {
    var parts = [
      candidate.title(names: names), "resize \(preprocessing.resize)", "crop \(preprocessing.crop)",
    ]
    if preprocessing.mode != .shorterSide { parts.append(preprocessing.mode.rawValue) }
    if isRecalibrated { parts.append("recalibrated BatchNorm") }
    if let tuning { parts.append("tuned \(tuning.layers.rawValue) at \(tuning.learningRate)") }
    return parts.joined(separator: ", ")
  }

  /// The entrant as reports describe it.
  var json: JSON {
    var members: [(String, JSON)] = [
      ("average", .string(candidate.key)), ("resize", JSON(preprocessing.resize)),
      ("crop", JSON(preprocessing.crop)), ("interpolation", .string(preprocessing.interpolation.rawValue)),
      ("recalibrated", .bool(isRecalibrated)),
    ]
    if let tuning {
      members += [
        ("tune", .string(tuning.layers.rawValue)), ("lr", JSON(tuning.learningRate)),
        ("epochs", JSON(tuning.epochs)),
      ]
    }
    return .object(members)
  }
}

extension Score {
  /// The score as reports and the history have it.
  var json: JSON {
    .object([
      ("data", .string(lastComponents(dataset))), ("n", JSON(top1.count)), ("top1", JSON(top1.value)),
      (
        "top1_interval",
        .array([top1Interval.lowerBound, top1Interval.upperBound].map { JSON($0) })
      ),
      ("loss", JSON(loss)), ("last_top1", JSON(last.value)), ("gain", JSON(comparison.difference)),
      (
        "gain_interval",
        .array([gainInterval.lowerBound, gainInterval.upperBound].map { JSON($0) })
      ), ("mid_p", midP.map { JSON($0) } ?? .null),
    ])
  }
}

extension SearchResult.Stage {
  /// One line about the stage.
  func text(names: [String]) -> String {
    "\(kind.rawValue): \(counted(tried, "entrant")) tried; \(leader.text(names: names)) leads with \(top1.successes) of \(top1.count) right"
  }
}

extension SearchResult.Shortage {
  /// One line about what the budget cut.
  var text: String {
    kept == 0
      ? "budget: the stage \"\(stage.rawValue)\" is left out"
      : "budget: room for \(kept) of \(wanted) entrants in the stage \"\(stage.rawValue)\""
  }
}
