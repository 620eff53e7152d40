import Checkpoint
import ModelSearch
import Platform
import ResolutionSweep
import SeriesCommand
import Statistics

extension SearchReport {
  /// The report as a model card in Markdown.
  var modelCard: String {
    var lines = ["# \(plain(architecture)): best model of \(counted(paths.count, "checkpoint"))", ""]
    lines += answerLines.map { "- " + plain($0) } + ["- " + plain(costLine), ""]
    lines += [
      "| data | images | top-1 | 95 % interval | last checkpoint | gain | 95 % interval of the gain |",
      "|---|---:|---:|---:|---:|---:|---:|",
    ]
    lines += result.scores.map { score in
      "| " + scoreCells(score).map(plain).joined(separator: " | ") + " |"
    }
    lines += ["", "## How it was found", ""]
    lines += [
      "| stage | tried | images | top-1 of the leader | gain | leader |", "|---|---:|---:|---:|---:|---|",
    ]
    lines += result.stages.map { "| " + stageCells($0).map(plain).joined(separator: " | ") + " |" }
    lines += ["", "## Finalists", ""]
    lines += ["| | n | top-1 | entrant |", "|---|---:|---:|---|"]
    lines += finalists.map { "| " + finalistCells($0).map(plain).joined(separator: " | ") + " |" }
    lines += [
      "", "Marked with = are those that the choosing images cannot distinguish from the best.", "",
    ]
    if !left.isEmpty {
      lines += ["## Left before the final", "", "| entrant | images seen | top-1 | reason |"]
      lines += ["|---|---:|---:|---|"]
      lines += left.map { "| " + $0.map(plain).joined(separator: " | ") + " |" } + [""]
    }
    lines += [
      "## The same file by the single tools", "", "```sh", pipe.text, "```",
    ]
    return lines.joined(separator: "\n") + "\n"
  }

  /// The report as one self-contained page.
  var page: String {
    func table(_ headings: [String], _ rows: [[String]]) -> String {
      let head = headings.map { "<th>\(markup($0))</th>" }.joined()
      let body = rows.map { "<tr>" + $0.map { "<td>\(markup($0))</td>" }.joined() + "</tr>" }
      return "<table><tr>\(head)</tr>\n\(body.joined(separator: "\n"))</table>"
    }
    let parts = [
      "<!doctype html>", "<html lang=\"en\"><head><meta charset=\"utf-8\">",
      "<title>\(markup(architecture)): best of \(paths.count)</title>", Self.style, "</head><body>",
      "<h1>\(markup(architecture)): best model of \(markup(counted(paths.count, "checkpoint")))</h1>",
    ]
    let answer = (answerLines + [costLine]).map { "<p>\(markup($0))</p>" }
    let sections = [
      table(
        [
          "data", "images", "top-1", "95 % interval", "last checkpoint", "gain", "95 % interval of the gain",
        ], result.scores.map(scoreCells)), "<h2>How it was found</h2>",
      table(
        ["stage", "tried", "images", "top-1 of the leader", "gain", "leader"], result.stages.map(stageCells)),
      SearchPlots(result).pictures.joined(separator: "\n"), "<h2>Finalists</h2>",
      table(["", "n", "top-1", "entrant"], finalists.map(finalistCells)),
      "<p>Marked with = are those that the choosing images cannot distinguish from the best.</p>",
      left.isEmpty
        ? "" : "<h2>Left before the final</h2>" + table(["entrant", "images seen", "top-1", "reason"], left),
      "<h2>The same file by the single tools</h2>", "<pre>\(markup(pipe.text))</pre>", "</body></html>",
    ]
    return (parts + answer + sections).joined(separator: "\n") + "\n"
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

  private static let style = """
    <style>
    body { font: 15px system-ui, sans-serif; max-width: 70em; margin: 2em auto; padding: 0 1em; color-scheme: light dark; }
    table { border-collapse: collapse; margin: 1em 0; }
    td, th { padding: 0.25em 0.7em; text-align: left; border-bottom: 1px solid #8884; }
    pre { white-space: pre-wrap; overflow-wrap: anywhere; }
    svg { max-width: 100%; height: auto; }
    </style>
    """

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

  /// Text as Markdown shows it, whatever it is made of.
  private func plain(_ text: String) -> String {
    text.reduce(into: "") { result, character in
      if "\\`*_[]<>|#".contains(character) { result.append("\\") }
      result.append(character == "\n" ? " " : character)
    }
  }

  /// Text as HTML shows it.
  private func markup(_ text: String) -> String {
    terminalText(text).replacing("&", with: "&amp;").replacing("<", with: "&lt;")
      .replacing(">", with: "&gt;").replacing("\"", with: "&quot;")
  }
}
