import Checkpoint
import Platform
import ResolutionSweep

/// Tables to paste into a spreadsheet, a page or a paper.
extension SweepReport {
  /// Comma-separated values (RFC 4180) with the columns and numbers of `tsv`.
  public func csv(timing: Bool = false) -> String {
    tsv(timing: timing).split(separator: "\n").map { line in
      line.split(separator: "\t", omittingEmptySubsequences: false).map { field in
        let isPlain = !field.contains { $0 == "," || $0 == "\"" }
        return isPlain ? String(field) : "\"" + field.replacing("\"", with: "\"\"") + "\""
      }.joined(separator: ",")
    }.joined(separator: "\r\n") + "\r\n"
  }

  /// A table in GitHub's Markdown with the columns of `table`, the chosen row in bold.
  public func markdown(timing: Bool = false) -> String {
    let columns = columns(timing: timing)
    func line(_ cells: [String]) -> String { "| " + cells.joined(separator: " | ") + " |" }
    func escaped(_ text: String) -> String {
      text.reduce(into: "") { $0 += "\\`*_|<>[]".contains($1) ? "\\\($1)" : "\($1)" }
    }
    var lines = [
      line(columns.map { escaped($0.heading) }),
      line(columns.map { $0.isLeftAligned ? ":--" : "--:" }),
    ]
    for (index, row) in rows.enumerated() {
      let mark = index == verdict.chosen ? "**" : ""
      lines.append(line(columns.map { mark + escaped($0.text(row)) + mark }))
    }
    return (lines + ["", escaped(summaryLines.joined(separator: ". "))]).joined(separator: "\n") + "\n"
  }

  /// A LaTeX `tabular` without packages, with the columns of `table`, the chosen row in bold.
  public func latex(timing: Bool = false) -> String {
    let columns = columns(timing: timing)
    let special: [Character: String] = [
      "\\": "\\textbackslash{}", "~": "\\textasciitilde{}", "^": "\\textasciicircum{}", "%": "\\%",
      "&": "\\&", "_": "\\_", "#": "\\#", "$": "\\$", "{": "\\{", "}": "\\}", "±": "$\\pm$", "…": "\\dots{}",
    ]
    func escaped(_ text: String) -> String { text.reduce(into: "") { $0 += special[$1] ?? "\($1)" } }
    func line(_ cells: [String]) -> String { "  " + cells.joined(separator: " & ") + " \\\\" }
    var lines = summaryLines.map { "% \($0)" }
    lines += [
      "\\begin{tabular}{" + columns.map { $0.isLeftAligned ? "l" : "r" }.joined() + "}", "  \\hline",
      line(columns.map { escaped($0.heading) }), "  \\hline",
    ]
    for (index, row) in rows.enumerated() {
      let isChosen = index == verdict.chosen
      lines.append(
        line(columns.map { isChosen ? "\\textbf{\(escaped($0.text(row)))}" : escaped($0.text(row)) }))
    }
    return (lines + ["  \\hline", "\\end{tabular}"]).joined(separator: "\n") + "\n"
  }
}
