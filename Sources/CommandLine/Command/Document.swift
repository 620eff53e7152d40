import Platform

/// A report for people: headings, sentences, tables, pictures and commands, as one HTML page or as Markdown.
package struct Document: Sendable {
  package enum Block: Sendable {
    case heading(String)
    case list([String])
    case table(headings: [String], rows: [[String]])
    /// An SVG picture, which Markdown leaves out.
    case picture(String)
    /// Commands for a shell.
    case commands(String)
  }

  private let title: String
  private let blocks: [Block]

  package init(title: String, _ blocks: [Block]) {
    self.title = title
    self.blocks = blocks
  }

  // MARK: Markdown

  /// The report as Markdown.
  package var markdown: String {
    let texts = blocks.compactMap { block -> String? in
      switch block {
      case .heading(let text): return "## \(Self.plain(text))"
      case .list(let items): return items.map { "- \(Self.plain($0))" }.joined(separator: "\n")
      case .table(let headings, let rows):
        let rule = headings.indices.map { Self.isNumeric(rows, $0) ? "---:" : "---" }
        let lines = [headings.map(Self.plain), rule] + rows.map { $0.map(Self.plain) }
        return lines.map { "| \($0.joined(separator: " | ")) |" }.joined(separator: "\n")
      case .picture: return nil
      case .commands(let text): return "```sh\n\(text)\n```"
      }
    }
    return (["# \(Self.plain(title))"] + texts).joined(separator: "\n\n") + "\n"
  }

  /// Text as Markdown shows it, whatever it is made of.
  private static func plain(_ text: String) -> String {
    text.reduce(into: "") { result, character in
      if "\\`*_[]<>|#".contains(character) { result.append("\\") }
      result.append(character == "\n" ? " " : character)
    }
  }

  /// True if all cells of a column are numbers, percent signs apart, or empty.
  private static func isNumeric(_ rows: [[String]], _ column: Int) -> Bool {
    !rows.isEmpty
      && rows.allSatisfy { row in
        let cell = row[column].filter { $0 != "%" && $0 != " " }
        return cell.isEmpty || Double(cell) != nil
      }
  }

  // MARK: HTML

  /// The report as one page that needs nothing from elsewhere; a click on a heading sorts its table.
  package var html: String {
    let texts = blocks.map { block in
      switch block {
      case .heading(let text): "<h2>\(Self.markup(text))</h2>"
      case .list(let items):
        "<ul>\n" + items.map { "<li>\(Self.markup($0))</li>\n" }.joined() + "</ul>"
      case .table(let headings, let rows): Self.table(headings, rows)
      case .picture(let svg): "<figure>\(svg)</figure>"
      case .commands(let text): "<pre>\(Self.markup(text))</pre>"
      }
    }
    let start = """
      <!doctype html>
      <html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
      <title>\(Self.markup(title))</title>
      \(Self.style)
      </head><body>
      <h1>\(Self.markup(title))</h1>
      """
    return ([start] + texts + [Self.script, "</body></html>"]).joined(separator: "\n") + "\n"
  }

  private static func table(_ headings: [String], _ rows: [[String]]) -> String {
    let classes = headings.indices.map { isNumeric(rows, $0) ? " class=\"number\"" : "" }
    func line(_ tag: String, _ cells: [String]) -> String {
      "<tr>" + zip(cells, classes).map { "<\(tag)\($1)>\(markup($0))</\(tag)>" }.joined() + "</tr>"
    }
    let body = rows.map { line("td", $0) }.joined(separator: "\n")
    return """
      <div class="wide"><table><thead>\(line("th", headings))</thead>
      <tbody>\(body)</tbody></table></div>
      """
  }

  /// Text as HTML shows it.
  private static func markup(_ text: String) -> String {
    terminalText(text).replacing("&", with: "&amp;").replacing("<", with: "&lt;")
      .replacing(">", with: "&gt;").replacing("\"", with: "&quot;")
  }

  private static let style = """
    <style>
    :root { color-scheme: light dark; }
    body { font: 15px/1.45 system-ui, sans-serif; max-width: 70em; margin: 2em auto; padding: 0 1em; }
    .wide { overflow-x: auto; margin: 1em 0; }
    table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
    td, th { padding: 0.25em 0.7em; text-align: left; border-bottom: 1px solid #8884; vertical-align: top; }
    th { cursor: pointer; }
    .number { text-align: right; white-space: nowrap; }
    pre { white-space: pre-wrap; overflow-wrap: anywhere; background: #8882; padding: 0.7em 1em; }
    figure { margin: 1em 0; }
    svg { max-width: 100%; height: auto; }
    </style>
    """

  private static let script = """
    <script>
    for (const heading of document.querySelectorAll("th")) {
      heading.title = "sort";
      heading.onclick = () => {
        const body = heading.closest("table").tBodies[0];
        const direction = heading.dataset.direction = heading.dataset.direction === "1" ? -1 : 1;
        const text = row => row.cells[heading.cellIndex].textContent;
        const compare = (a, b) => {
          const [x, y] = [parseFloat(text(a)), parseFloat(text(b))];
          return direction * (isNaN(x) || isNaN(y) ? text(a).localeCompare(text(b)) : x - y);
        };
        body.append(...[...body.rows].sort(compare));
      };
    }
    </script>
    """
}
