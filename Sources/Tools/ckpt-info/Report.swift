import Checkpoint
import Platform

/// A table with remarks, as text or as JSON.
struct Report {
  enum Cell {
    case text(String)
    case integer(Int)
    /// Shown with few digits, written to JSON with all.
    case number(Double)
    case shape([Int])
    case list([String])
    /// The last part of a name, indented by its depth; JSON has the whole name.
    case branch(String, depth: Int, name: String)
    case none

    var text: String {
      switch self {
      case .text(let text): escapedForDiagnostics(text, quoted: false)
      case .integer(let value): "\(value)"
      case .number(let value): Self.shortened(value)
      case .shape(let shape): "\(shape)"
      case .list(let texts): texts.map { escapedForDiagnostics($0, quoted: false) }.joined(separator: "; ")
      case .branch(let text, let depth, _):
        String(repeating: "  ", count: min(depth, 32)) + escapedForDiagnostics(text, quoted: false)
      case .none: "-"
      }
    }

    var json: JSON {
      switch self {
      case .text(let text): .string(text)
      case .integer(let value): JSON(value)
      case .number(let value): JSON(value)
      case .shape(let shape): .array(shape.map { JSON($0) })
      case .list(let texts): .array(texts.map { .string($0) })
      case .branch(_, _, let name): .string(name)
      case .none: .null
      }
    }

    var isNumeric: Bool {
      switch self {
      case .integer, .number, .none: true
      case .text, .shape, .list, .branch: false
      }
    }

    private static func shortened(_ value: Double) -> String {
      guard value.isFinite, value != 0 else { return value == 0 ? "0" : value.isNaN ? "-" : "\(value)" }
      // Six significant digits, by way of the shortest text of a rounded value.
      var exponent = 0
      var magnitude = abs(value)
      while magnitude >= 10, exponent < 400 { (magnitude, exponent) = (magnitude / 10, exponent + 1) }
      while magnitude < 1, exponent > -400 { (magnitude, exponent) = (magnitude * 10, exponent - 1) }
      let digits = (magnitude * 1e5).rounded() / 1e5
      let sign = value < 0 ? "-" : ""
      if exponent < -4 || exponent > 9 { return "\(sign)\(digits)e\(exponent)" }
      var scale = 1.0
      for _ in 0..<max(0, 5 - exponent) { scale *= 10 }
      let text = "\((value * scale).rounded() / scale)"
      return text.hasSuffix(".0") ? String(text.dropLast(2)) : text
    }
  }

  let label: String
  let columns: [String]
  /// Columns that JSON has and the text leaves out.
  var unprinted: Set<String> = []
  private(set) var rows: [[Cell]] = []
  /// Facts about the whole, shown below the table.
  var remarks: [(key: String, value: Cell)] = []
  var metadata: Metadata?

  init(label: String, columns: [String]) {
    self.label = label
    self.columns = columns
  }

  mutating func add(_ row: [Cell]) { rows.append(row) }

  func text(heading: Bool) -> String {
    let printed = columns.indices.filter { !unprinted.contains(columns[$0]) }
    let headings = printed.map { columns[$0] }
    let cells = rows.map { row in printed.map { row[$0] } }
    let texts = cells.map { $0.map(\.text) }
    let widths = headings.indices.map { column in
      texts.reduce(headings[column].count) { max($0, $1[column].count) }
    }
    func line(_ cells: [String], numeric: [Bool]) -> String {
      var line = ""
      for (index, cell) in cells.enumerated() {
        let padding = String(repeating: " ", count: widths[index] - cell.count)
        line += (index > 0 ? "  " : "") + (numeric[index] ? padding + cell : cell + padding)
      }
      while line.last == " " { line.removeLast() }
      return line + "\n"
    }
    let numeric = headings.indices.map { column in
      !cells.isEmpty && cells.allSatisfy { $0[column].isNumeric }
    }
    var result = heading ? "\(escapedForDiagnostics(label, quoted: false)):\n" : ""
    if !cells.isEmpty { result += line(headings, numeric: numeric) }
    for row in texts { result += line(row, numeric: numeric) }
    for (key, value) in remarks { result += "\(key): \(value.text)\n" }
    for (key, value) in metadata?.sortedEntries ?? [] {
      result += "\(escapedForDiagnostics(key, quoted: false)) = "
      result += escapedForDiagnostics(value, quoted: false) + "\n"
    }
    return result
  }

  private var json: [(String, JSON)] {
    var members: [(String, JSON)] = [("file", .string(label))]
    members += remarks.map { ($0.key.replacing(" ", with: "_"), $0.value.json) }
    if let metadata {
      members.append(("metadata", .object(metadata.sortedEntries.map { ($0.key, .string($0.value)) })))
    }
    let keys = columns.map { $0.replacing(" ", with: "_") }
    members.append(("rows", .array(rows.map { row in .object(zip(keys, row).map { ($0, $1.json) }) })))
    return members
  }

  /// One checkpoint is the object itself; several are listed in `files`.
  static func json(_ reports: [Report]) -> String {
    let schema: [(String, JSON)] = [("schema", JSON(1))]
    if reports.count == 1 { return JSON.object(schema + reports[0].json).encoded() }
    return JSON.object(schema + [("files", .array(reports.map { .object($0.json) }))]).encoded()
  }
}
