import Checkpoint

/// Scores of checkpoints from a file: JSON, or lines with tabs or commas between their fields.
public struct MetricsTable: Sendable {
  /// Defect of a metrics file.
  public enum Fault: Error, Sendable, Equatable {
    /// The file is malformed.
    case malformed(line: Int?, reason: String)
    /// The file has several values for each checkpoint, and none was named.
    case severalValues([String])
    /// A checkpoint has no score.
    case missing(String)
    /// A checkpoint has two scores.
    case ambiguous(String)
    /// Fewer checkpoints have a numeric score than are wanted.
    case tooFew(wanted: Int, found: Int)
  }

  /// Subject of a row.
  private enum Subject: Hashable {
    case name(TensorName)
    case number(Double)
  }

  private let values: [Subject: [Double]]
  /// The word before the number in the names of checkpoints, such as `epoch`; nil where rows have names.
  private let numbering: String?

  /// Reads `{"epoch-1.safetensors": 0.7, …}`, `[{"name": "epoch-1.safetensors", KEY: 0.7}, …]`, or lines
  /// `epoch-1.safetensors<TAB>0.7`, with commas instead of tabs as well.
  ///
  /// A first line without a number names the columns. Where the first column is `epoch` or `step`, rows
  /// belong to the checkpoints with this number in their names, as in timm's `summary.csv`.
  ///
  /// - Parameters:
  ///   - bytes: The whole file.
  ///   - key: Name of the value, where there are several.
  /// - Throws: `MetricsTable.Fault`.
  public init(parsing bytes: [UInt8], key: String?) throws {
    let start = bytes.first { ![0x20, 0x09, 0x0A, 0x0D].contains($0) }
    let rows: [(Subject, Double)]
    if start == UInt8(ascii: "{") || start == UInt8(ascii: "[") {
      numbering = nil
      rows = try Self.json(bytes, key).map { (.name(TensorName($0)), $1) }
    } else {
      let lines = try Lines(bytes, key)
      numbering = lines.numbering
      rows = try lines.rows.map { row in
        guard lines.numbering != nil else { return (.name(TensorName(row.subject)), row.value) }
        guard let number = Double(row.subject) else {
          throw Fault.malformed(line: row.line, reason: "\"\(TensorName(row.subject).escaped)\" is no number")
        }
        return (.number(number), row.value)
      }
    }
    values = Dictionary(grouping: rows, by: \.0).mapValues { $0.map(\.1) }
  }

  /// The score of a checkpoint, by its path, its file name or its file name without extension, or by its
  /// number.
  public func value(for path: String) throws -> Double {
    for (subject, text) in subjects(of: path) {
      guard let found = values[subject] else { continue }
      if found.count > 1 { throw Fault.ambiguous(text) }
      return found[0]
    }
    throw Fault.missing(path)
  }

  private func subjects(of path: String) -> [(Subject, String)] {
    if let numbering {
      return StepNumber.parse(path, after: numbering).map { [(.number($0), "\(numbering) \(plain($0))")] }
        ?? []
    }
    let name = path.utf8.split(separator: UInt8(ascii: "/")).last.map { String(Substring($0)) } ?? path
    let stem = name.utf8.lastIndex(of: UInt8(ascii: ".")).map { String(name[..<$0]) } ?? name
    return [path, name, stem].map { (.name(TensorName($0)), $0) }
  }

  /// The indices of the `count` best, ascending; the later one among equals. NaN is never chosen.
  public static func best(_ count: Int, of scores: [Double], mode: GreedySoup.Mode) throws -> [Int] {
    let order = scores.indices.filter { !scores[$0].isNaN }.sorted { a, b in
      mode.isBetter(scores[a], than: scores[b]) || scores[a] == scores[b] && a > b
    }
    guard order.count >= count else { throw Fault.tooFew(wanted: count, found: order.count) }
    return order.prefix(count).sorted()
  }
}

extension MetricsTable {
  private static func json(_ bytes: [UInt8], _ key: String?) throws -> [(String, Double)] {
    let root: JSON
    do { root = try JSON.parse(bytes) } catch {
      throw Fault.malformed(line: nil, reason: "not JSON: \(error)")
    }
    switch root {
    case .object(let members): return try members.map { ($0, try number($1, key)) }
    case .array(let elements):
      return try elements.map { element in
        guard case .object(let members) = element,
          case .string(let name)? = members.first(where: { ["name", "file", "checkpoint"].contains($0.0) })?.1
        else {
          throw Fault.malformed(
            line: nil, reason: "expected objects with \"name\", \"file\" or \"checkpoint\"")
        }
        return (name, try number(element, key))
      }
    default: throw Fault.malformed(line: nil, reason: "expected an object or an array")
    }
  }

  private static func number(_ value: JSON, _ key: String?) throws -> Double {
    switch value {
    case .number(let text): return Double(text) ?? .nan
    case .null: return .nan
    case .string(let text):
      guard let number = Double(text) else {
        throw Fault.malformed(line: nil, reason: "\"\(TensorName(text).escaped)\" is no number")
      }
      return number
    case .object(let members):
      guard let key else {
        throw Fault.severalValues(members.map(\.0).filter { !["name", "file", "checkpoint"].contains($0) })
      }
      guard let found = members.first(where: { TensorName($0.0) == TensorName(key) })?.1, case .number = found
      else {
        throw Fault.malformed(line: nil, reason: "no number under \"\(TensorName(key).escaped)\"")
      }
      return try number(found, nil)
    default: throw Fault.malformed(line: nil, reason: "expected a number")
    }
  }

  /// A table of text.
  private struct Lines {
    var rows: [(line: Int, subject: String, value: Double)] = []
    var numbering: String?

    init(_ bytes: [UInt8], _ key: String?) throws {
      var separator: UInt8?
      var header: [String]?
      var column = 1
      for (index, line) in bytes.split(separator: 0x0A, omittingEmptySubsequences: false).enumerated() {
        let line = line.last == 0x0D ? line.dropLast() : line
        if line.isEmpty || line.first == UInt8(ascii: "#") { continue }
        if separator == nil {
          separator = line.contains(UInt8(ascii: "\t")) ? UInt8(ascii: "\t") : UInt8(ascii: ",")
        }
        let fields = line.split(separator: separator!, omittingEmptySubsequences: false).map(Self.text)
        // A log that was continued repeats its first line.
        if fields == header { continue }
        if rows.isEmpty, header == nil, fields.count > 1, fields.dropFirst().allSatisfy({ Double($0) == nil })
        {
          header = fields
          if ["epoch", "step", "global_step", "iteration"].contains(fields[0].lowercased()) {
            numbering = fields[0].lowercased() == "global_step" ? "step" : fields[0].lowercased()
          }
          column = try Self.column(fields, key, line: index + 1)
          continue
        }
        guard fields.count > column, let value = Double(fields[column]) else {
          throw Fault.malformed(line: index + 1, reason: "expected a name and a number")
        }
        rows.append((index + 1, fields[0], value))
      }
    }

    private static func column(_ names: [String], _ key: String?, line: Int) throws -> Int {
      guard let key else {
        guard names.count == 2 else { throw Fault.severalValues(Array(names.dropFirst())) }
        return 1
      }
      guard let found = names.firstIndex(where: { TensorName($0) == TensorName(key) }), found > 0 else {
        throw Fault.malformed(line: line, reason: "no column \"\(TensorName(key).escaped)\"")
      }
      return found
    }

    /// A field without surrounding quotation marks and spaces.
    private static func text(_ field: ArraySlice<UInt8>) -> String {
      var field = field
      while let first = field.first, first == 0x20 { field = field.dropFirst() }
      while let last = field.last, last == 0x20 { field = field.dropLast() }
      if field.count > 1, field.first == UInt8(ascii: "\""), field.last == UInt8(ascii: "\"") {
        field = field.dropFirst().dropLast()
      }
      return String(decoding: field, as: UTF8.self)
    }
  }
}

extension MetricsTable.Fault: CustomStringConvertible {
  /// One line without the file's name.
  public var description: String {
    switch self {
    case .malformed(let line, let reason): (line.map { "line \($0): " } ?? "") + reason
    case .severalValues(let names):
      "several values for each checkpoint: "
        + names.prefix(20).map { TensorName($0).escaped }.joined(separator: ", ")
    case .missing(let path): "no value for \(TensorName(path).escaped)"
    case .ambiguous(let name): "two values for \(TensorName(name).escaped)"
    case .tooFew(let wanted, let found): "\(wanted) best asked for, \(found) have a value"
    }
  }
}
