import Checkpoint
import Command
import ModelSearch
import Platform
import ResolutionSweep
import SeriesCommand
import Statistics

extension SearchReport {
  /// The report for people.
  var document: Document {
    var blocks: [Document.Block] = [
      .list(answerLines + [costLine]),
      .table(
        headings: [
          "data", "images", "top-1", "95 % interval", "last checkpoint", "gain", "95 % interval of the gain",
        ], rows: result.scores.map(scoreCells)),
      .heading("How it was found"),
      .table(
        headings: ["stage", "tried", "images", "top-1 of the leader", "gain", "leader"],
        rows: result.stages.map(stageCells)),
    ]
    blocks += SearchPlots(result).pictures.map { .picture($0) }
    blocks += [
      .heading("Finalists"),
      .table(headings: ["", "n", "top-1", "entrant"], rows: finalists.map(finalistCells)),
      .list(["Marked with = are those that the choosing images cannot distinguish from the best."]),
    ]
    if !left.isEmpty {
      blocks += [
        .heading("Left before the final"),
        .table(headings: ["entrant", "images seen", "top-1", "reason"], rows: left),
      ]
    }
    blocks += [.heading("The same file by the single tools"), .commands(pipe.text)]
    return Document(
      title: "\(architecture): best model of \(counted(paths.count, "checkpoint"))", blocks)
  }

  /// Those who left before the final, and why.
  private var left: [[String]] {
    result.rows.filter { !$0.isFinalist }.map { row in
      let reason =
        switch row.reason {
        case .worse: "worse beyond doubt"
        case .rank: "not among the best"
        case .budget: "budget"
        case nil: ""
        }
      return [row.entrant.text(names: names), "\(row.top1.count)", percent(row.top1.value), reason]
    }
  }

  private func interval(_ range: ClosedRange<Double>, signed: Bool = false) -> String {
    String(
      format: signed ? "%+.2f to %+.2f" : "%.2f to %.2f", 100 * range.lowerBound, 100 * range.upperBound)
  }

  private func scoreCells(_ score: Score) -> [String] {
    [
      displayName(lastComponents(score.dataset)), "\(score.top1.count)", percent(score.top1.value),
      interval(score.top1Interval), percent(score.last.value),
      String(format: "%+.2f", 100 * score.comparison.difference),
      score.isLast ? "" : interval(score.gainInterval, signed: true),
    ]
  }

  private func stageCells(_ stage: SearchResult.Stage) -> [String] {
    [
      stage.kind.rawValue, "\(stage.tried)", "\(stage.cost.images)", percent(stage.top1.value), gain(stage),
      stage.leader.text(names: names),
    ]
  }

  private func finalistCells(_ row: SearchResult.Row) -> [String] {
    [
      row.isChosen ? "chosen" : row.isIndistinguishable ? "=" : "", "\(row.top1.count)",
      percent(row.top1.value), row.entrant.text(names: names),
    ]
  }
}
