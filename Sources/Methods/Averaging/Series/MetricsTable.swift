import Checkpoint

/// Scores of checkpoints from a file: JSON, or lines of name and value with a tab between them.
public struct MetricsTable: Sendable {
  /// What is wrong with a metrics file.
  public enum Fault: Error, Sendable, Equatable {
    /// It is not what it should be.
    case malformed(line: Int?, reason: String)
    /// A checkpoint has no score.
    case missing(String)
    /// A checkpoint has two scores.
    case ambiguous(String)
    /// Fewer checkpoints have a number for a score than are wanted.
    case tooFew(wanted: Int, found: Int)
  }

  private let rows: [(name: String, value: Double)]

  /// Reads `{"epoch-1.safetensors": 0.7, …}`, `[{"name": "epoch-1.safetensors", KEY: 0.7}, …]`, or lines
  /// `epoch-1.safetensors<TAB>0.7`; a first line without a number names the columns.
  ///
  /// - Parameters:
  ///   - bytes: The whole file.
  ///   - key: Which value, where there are several.
  /// - Throws: `MetricsTable.Fault`.
  public init(parsing bytes: [UInt8], key: String?) throws {
    let start = bytes.first { ![0x20, 0x09, 0x0A, 0x0D].contains($0) }
    rows =
      try start == UInt8(ascii: "{") || start == UInt8(ascii: "[")
      ? Self.json(bytes, key) : Self.lines(bytes, key)
  }

  /// The score of a checkpoint, by its path, its file name or its file name without extension.
  public func value(for path: String) throws -> Double {
    let name = path.split(separator: "/").last.map(String.init) ?? path
    let stem = name.lastIndex(of: ".").map { String(name[..<$0]) } ?? name
    for candidate in [path, name, stem] {
      let found = rows.filter { TensorName($0.name) == TensorName(candidate) }
      if found.count > 1 { throw Fault.ambiguous(candidate) }
      if let first = found.first { return first.value }
    }
    throw Fault.missing(path)
  }

  /// The indices of the `count` best, ascending; the later one among equals. NaN is never chosen.
  public static func best(_ count: Int, of scores: [Double], mode: GreedySoup.Mode) throws -> [Int] {
    let order = scores.indices.filter { !scores[$0].isNaN }.sorted { a, b in
      mode.isBetter(scores[a], than: scores[b]) || scores[a] == scores[b] && a > b
    }
    guard order.count >= count else { throw Fault.tooFew(wanted: count, found: order.count) }
    return order.prefix(count).sorted()
  }

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
        throw Fault.malformed(line: nil, reason: "\"\(text)\" is no number")
      }
      return number
    case .object(let members):
      guard let key else {
        throw Fault.malformed(line: nil, reason: "several values: name one with --metric")
      }
      guard let found = members.first(where: { $0.0 == key })?.1, case .number = found else {
        throw Fault.malformed(line: nil, reason: "no number under \"\(key)\"")
      }
      return try number(found, nil)
    default: throw Fault.malformed(line: nil, reason: "expected a number")
    }
  }

  private static func lines(_ bytes: [UInt8], _ key: String?) throws -> [(String, Double)] {
    var column = 1
    var rows: [(String, Double)] = []
    for (index, line) in bytes.split(separator: 0x0A, omittingEmptySubsequences: false).enumerated() {
      let text = String(decoding: line.last == 0x0D ? line.dropLast() : line, as: UTF8.self)
      if text.isEmpty || text.hasPrefix("#") { continue }
      let fields = text.split(separator: "\t", omittingEmptySubsequences: false)
      if rows.isEmpty, fields.count > 1, fields.dropFirst().allSatisfy({ Double($0) == nil }) {
        if let key {
          guard let found = fields.firstIndex(where: { $0 == key }), found > 0 else {
            throw Fault.malformed(line: index + 1, reason: "no column \"\(key)\"")
          }
          column = found
        } else if fields.count > 2 {
          throw Fault.malformed(line: index + 1, reason: "several columns: name one with --metric")
        }
        continue
      }
      guard fields.count > column, let value = Double(fields[column]) else {
        throw Fault.malformed(line: index + 1, reason: "expected a name, a tab and a number")
      }
      rows.append((String(fields[0]), value))
    }
    return rows
  }
}

extension MetricsTable.Fault: CustomStringConvertible {
  /// One line without the file's name.
  public var description: String {
    switch self {
    case .malformed(let line, let reason): (line.map { "line \($0): " } ?? "") + reason
    case .missing(let path): "no value for \(TensorName(path).escaped)"
    case .ambiguous(let name): "two values for \(TensorName(name).escaped)"
    case .tooFew(let wanted, let found): "\(wanted) best asked for, \(found) have a value"
    }
  }
}
