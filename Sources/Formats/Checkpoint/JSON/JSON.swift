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

  /// The truth value; nil for other kinds.
  public var boolValue: Bool? { if case .bool(let value) = self { value } else { nil } }

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
