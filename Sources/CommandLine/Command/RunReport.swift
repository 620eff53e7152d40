import Checkpoint
import Platform

/// Writes the report of a run: JSON, or by the suffix of its path a page (`.html`) or a model card (`.md`).
///
/// - Parameters:
///   - json: The report, whose members become sections, tables and facts.
///   - pictures: SVG pictures for the page.
///   - path: Its path, `-` for standard output.
/// - Throws: `CheckpointError` when the target cannot be created or written.
package func writeReport(
  _ json: JSON, pictures: @autoclosure () -> [String] = [], to path: String
) throws {
  try writeReport(json, as: { Document(run: json, pictures: pictures()) }, to: path)
}

/// The same with a document that a tool makes itself.
package func writeReport(_ json: JSON, as document: () -> Document, to path: String) throws {
  let text =
    if path.ends(in: ".html") {
      document().html
    } else if path.ends(in: ".md") {
      document().markdown
    } else {
      json.encoded() + "\n"
    }
  try writeFile(text.utf8, to: path)
}

/// A word as a shell takes it for itself.
package func shellWord(_ word: String) -> String {
  let isPlain =
    !word.isEmpty
    && word.utf8.allSatisfy { byte in
      (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
        || "-_./=,:@%+".utf8.contains(byte)
    }
  return isPlain ? word : "'" + word.replacing("'", with: "'\\''") + "'"
}

extension Document {
  /// A report of a run: its facts, tables and pictures, and the command that repeats it.
  ///
  /// - Parameters:
  ///   - json: The tool's report.
  ///   - pictures: SVG pictures.
  init(run json: JSON, pictures: [String]) {
    let tool = json["tool"]?.stringValue ?? "ckpt"
    let name = (json["model"] ?? json["chosen"])?.stringValue.map { ": \(lastPathComponent($0))" }
    let command = CommandLine.arguments.enumerated().map { index, word in
      shellWord(index == 0 ? lastPathComponent(word) : word)
    }
    self.init(
      title: tool + (name ?? ""),
      pictures.map { .picture($0) } + Self.blocks(json, name: nil)
        + [.heading("To repeat it"), .commands(command.joined(separator: " "))])
  }

  /// An object's scalars as a table of facts, its other members as sections of their own.
  private static func blocks(_ json: JSON, name: String?) -> [Block] {
    let heading = name.map { [Block.heading($0.prefix(1).uppercased() + $0.dropFirst())] } ?? []
    switch json {
    case .object(let members):
      let shown = members.filter { $0.0 != "schema" && $0.0 != "tool" }
      let facts = shown.filter { isFact($0.1) }.map { [words($0.0), text($0.1)] }
      let rest = shown.filter { !isFact($0.1) }.flatMap { key, value in
        blocks(value, name: (name.map { "\($0), " } ?? "") + words(key))
      }
      return (facts.isEmpty ? [] : heading + [.table(headings: ["", "value"], rows: facts)]) + rest
    case .array(let elements):
      var columns: [String] = []
      for case .object(let members) in elements {
        for (key, _) in members where !columns.contains(key) { columns.append(key) }
      }
      if columns.isEmpty { return heading + [.list(elements.map(text))] }
      let rows = elements.map { element in columns.map { text(element[$0] ?? .null) } }
      return heading + [.table(headings: columns.map(words), rows: rows)]
    default: return heading + [.list([text(json)])]
    }
  }

  /// True for what fits into a cell: numbers, texts, and short lists of them.
  private static func isFact(_ json: JSON) -> Bool {
    switch json {
    case .object: false
    case .array(let elements):
      elements.count <= 16
        && elements.allSatisfy { if case .object = $0 { false } else { $0.arrayValue == nil } }
    default: true
    }
  }

  /// A value as a cell shows it.
  private static func text(_ json: JSON) -> String {
    switch json {
    case .null: ""
    case .bool(let value): value ? "yes" : "no"
    case .string(let text): text
    case .number(let text):
      Int(text) == nil ? Double(text).map { String(format: "%.6g", $0) } ?? text : text
    case .array(let elements): elements.map(Self.text).joined(separator: ", ")
    case .object(let members): members.map { "\(words($0)) \(Self.text($1))" }.joined(separator: "; ")
    }
  }

  private static func words(_ key: String) -> String { key.replacing("_", with: " ") }
}

/// A path's part after the last slash.
package func lastPathComponent(_ path: String) -> String {
  path.utf8.split(separator: UInt8(ascii: "/")).last.map { String(Substring($0)) } ?? path
}
