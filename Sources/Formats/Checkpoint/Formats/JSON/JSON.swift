import Platform

/// A JSON value that keeps what Swift's own decoders lose: the order of members and the spelling of numbers.
///
/// Foundation's decoders accept trailing commas, byte order marks and other encodings, and merge keys that are
/// canonically equivalent; what comes from a file is therefore scanned here.
public indirect enum JSON: Sendable {
  /// `null`.
  case null
  /// `true` or `false`.
  case bool(Bool)
  /// A number as it is written.
  case number(String)
  /// A text.
  case string(String)
  /// Values in order.
  case array([JSON])
  /// Members in order; keys differ as UTF-8 bytes.
  case object([(String, JSON)])

  /// The number `value`.
  public init(_ value: Int) { self = .number("\(value)") }

  /// The shortest number that reads back as `value`; `null` for what JSON cannot express.
  public init(_ value: Double) { self = value.isFinite ? .number("\(value)") : .null }
}

extension JSON: Equatable {
  /// Equality of structure; texts compare as UTF-8 bytes, numbers by their spelling, members in order.
  public static func == (a: JSON, b: JSON) -> Bool {
    switch (a, b) {
    case (.null, .null): true
    case (.bool(let a), .bool(let b)): a == b
    case (.number(let a), .number(let b)): a == b
    case (.string(let a), .string(let b)): TensorName(a) == TensorName(b)
    case (.array(let a), .array(let b)): a == b
    case (.object(let a), .object(let b)):
      a.count == b.count && zip(a, b).allSatisfy { TensorName($0.0) == TensorName($1.0) && $0.1 == $1.1 }
    default: false
    }
  }
}

extension JSON {
  /// The text; nil for other kinds.
  public var stringValue: String? { if case .string(let value) = self { value } else { nil } }

  /// The number, if it is written as an integer that fits; nil for other kinds and for `1.0` or `1e3`.
  public var intValue: Int? { if case .number(let text) = self { Int(text) } else { nil } }

  /// The number rounded to the nearest double; nil for other kinds and beyond the range.
  public var doubleValue: Double? {
    guard case .number(let text) = self, let value = Double(text), value.isFinite else { return nil }
    return value
  }

  /// The elements; nil for other kinds.
  public var arrayValue: [JSON]? { if case .array(let value) = self { value } else { nil } }

  /// The members in order; nil for other kinds.
  public var objectValue: [(String, JSON)]? { if case .object(let value) = self { value } else { nil } }

  /// The member `key`; nil when there is none or this is no object.
  public subscript(key: String) -> JSON? {
    guard case .object(let members) = self else { return nil }
    let name = TensorName(key)
    return members.first { TensorName($0.0) == name }?.1
  }
}

extension JSON {
  /// Parses a JSON text.
  ///
  /// Stricter than common decoders: UTF-8 only, no byte order mark, no duplicate keys (compared as bytes), at most
  /// 128 levels deep.
  ///
  /// - Throws: `JSONError`.
  public static func parse(_ bytes: [UInt8]) throws -> JSON {
    var scanner = JSONScanner(bytes)
    let value = try scanner.value(depth: 0)
    try scanner.expectEnd()
    return value
  }
}

extension JSONScanner {
  /// Any value.
  mutating func value(depth: Int) throws(JSONError) -> JSON {
    guard depth < Self.depthLimit else { throw fail("more than \(Self.depthLimit) levels deep") }
    switch try peek() {
    case UInt8(ascii: "{"): return .object(try members(depth: depth))
    case UInt8(ascii: "["): return .array(try elements(depth: depth))
    case UInt8(ascii: "\""): return .string(try string())
    case UInt8(ascii: "t"):
      try literal("true")
      return .bool(true)
    case UInt8(ascii: "f"):
      try literal("false")
      return .bool(false)
    case UInt8(ascii: "n"):
      try literal("null")
      return .null
    default:
      let start = position
      return .number(String(decoding: bytes[start..<(try number())], as: UTF8.self))
    }
  }

  private mutating func members(depth: Int) throws(JSONError) -> [(String, JSON)] {
    guard try enterObject() else { return [] }
    var members: [(String, JSON)] = []
    var seen: Set<TensorName> = []
    repeat {
      skipWhitespace()
      let start = position
      let key = try key()
      guard seen.insert(TensorName(key)).inserted else { throw fail("key appears twice", at: start) }
      members.append((key, try value(depth: depth + 1)))
    } while try continues(until: "}")
    return members
  }

  private mutating func elements(depth: Int) throws(JSONError) -> [JSON] {
    guard try enterArray() else { return [] }
    var elements: [JSON] = []
    repeat { elements.append(try value(depth: depth + 1)) } while try continues(until: "]")
    return elements
  }
}

extension JSON {
  /// Compact JSON: no whitespace, members in their order, text outside ASCII as it is.
  ///
  /// Reports go to terminals and logs: what would steer them is escaped, control characters of both sets, DEL, line
  /// separators and what changes the direction of text or hides in it.
  public func encoded() -> String {
    var bytes: [UInt8] = []
    append(to: &bytes, isShown: true)
    return String(decoding: bytes, as: UTF8.self)
  }

  /// - Parameter isShown: Whether characters that steer a terminal are escaped.
  func append(to bytes: inout [UInt8], isShown: Bool) {
    switch self {
    case .null: bytes += "null".utf8
    case .bool(let value): bytes += (value ? "true" : "false").utf8
    case .number(let text): bytes += text.utf8
    case .string(let text): appendJSONString(text, to: &bytes, isShown: isShown)
    case .array(let elements):
      bytes.append(UInt8(ascii: "["))
      for (index, element) in elements.enumerated() {
        if index > 0 { bytes.append(UInt8(ascii: ",")) }
        element.append(to: &bytes, isShown: isShown)
      }
      bytes.append(UInt8(ascii: "]"))
    case .object(let members):
      bytes.append(UInt8(ascii: "{"))
      for (index, (key, value)) in members.enumerated() {
        if index > 0 { bytes.append(UInt8(ascii: ",")) }
        appendJSONString(key, to: &bytes, isShown: isShown)
        bytes.append(UInt8(ascii: ":"))
        value.append(to: &bytes, isShown: isShown)
      }
      bytes.append(UInt8(ascii: "}"))
    }
  }
}

/// Appends `text` with the escapes of serde_json, so that a header has the bytes the reference writer would give it.
///
/// - Parameter isShown: Whether characters that steer a terminal are escaped, too.
func appendJSONString(_ text: String, to bytes: inout [UInt8], isShown: Bool = false) {
  bytes.append(UInt8(ascii: "\""))
  if isShown, text.utf8.contains(where: { $0 >= 0x7F }) {
    for scalar in text.unicodeScalars {
      if scalar.value >= 0x7F, scalar.steersTerminals {
        for unit in UTF16.encode(scalar)! {
          let digits = String(unit, radix: 16)
          bytes += "\\u".utf8
          bytes += String(repeating: "0", count: 4 - digits.utf8.count).utf8
          bytes += digits.utf8
        }
      } else {
        appendJSONBytes(String(scalar).utf8, to: &bytes)
      }
    }
  } else {
    appendJSONBytes(text.utf8, to: &bytes)
  }
  bytes.append(UInt8(ascii: "\""))
}

private func appendJSONBytes(_ text: some Sequence<UInt8>, to bytes: inout [UInt8]) {
  for byte in text {
    switch byte {
    case UInt8(ascii: "\""): bytes += "\\\"".utf8
    case UInt8(ascii: "\\"): bytes += "\\\\".utf8
    case 0x08: bytes += "\\b".utf8
    case 0x09: bytes += "\\t".utf8
    case 0x0A: bytes += "\\n".utf8
    case 0x0C: bytes += "\\f".utf8
    case 0x0D: bytes += "\\r".utf8
    case 0..<0x20: bytes += "\\u00\(byte < 0x10 ? "0" : "")\(String(byte, radix: 16))".utf8
    default: bytes.append(byte)
    }
  }
}

/// Why bytes are not JSON.
public struct JSONError: Error, Sendable, Equatable, CustomStringConvertible {
  /// The byte at which it shows.
  public let offset: Int
  /// Description of the fault.
  public let reason: String

  /// One line.
  public var description: String { "invalid JSON at byte \(offset): \(reason)" }
}
