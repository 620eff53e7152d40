import Platform

/// The name of a tensor, compared, hashed and ordered by its UTF-8 bytes.
///
/// Swift strings compare by canonical equivalence, so a composed and a decomposed spelling of one text would be
/// the same key; checkpoints may hold both as different tensors.
public struct TensorName: Hashable, Comparable, Sendable {
  /// The name as text.
  public let string: String

  /// A name with the UTF-8 bytes of `string`.
  public init(_ string: String) {
    var string = string
    string.makeContiguousUTF8()
    self.string = string
  }

  /// The name on one line: control characters, quotes and backslashes are escaped.
  public var escaped: String { escapedForDiagnostics(string) }

  /// Equality of the UTF-8 bytes.
  public static func == (a: TensorName, b: TensorName) -> Bool {
    a.string.utf8.count == b.string.utf8.count && compareBytes(a.string, b.string) == 0
  }

  /// Order of the UTF-8 bytes, which is also the order of the Unicode scalars.
  public static func < (a: TensorName, b: TensorName) -> Bool { compareBytes(a.string, b.string) < 0 }

  /// Feeds the UTF-8 bytes and their number.
  public func hash(into hasher: inout Hasher) {
    var string = string
    string.withUTF8 { hasher.combine(bytes: UnsafeRawBufferPointer($0)) }
    hasher.combine(string.utf8.count)
  }
}

extension TensorName: CustomStringConvertible {
  /// The escaped name, so that a name in a message can never steer a terminal.
  public var description: String { escaped }
}

extension TensorName: ExpressibleByStringLiteral {
  /// A name written in the source.
  public init(stringLiteral value: String) { self.init(value) }
}

private func compareBytes(_ a: String, _ b: String) -> Int {
  var a = a
  var b = b
  return a.withUTF8 { a in
    b.withUTF8 { b in
      let common = min(a.count, b.count)
      let order = common == 0 ? 0 : memcmp(a.baseAddress!, b.baseAddress!, common)
      return order == 0 ? a.count - b.count : Int(order)
    }
  }
}

/// `text` with control characters, quotes, backslashes and directional marks replaced by escapes.
///
/// Names and paths come from files; written raw they could move the cursor or reverse the line they stand in.
///
/// - Parameters:
///   - text: What to escape.
///   - quoted: Whether the text will stand in double quotes; otherwise quotes in it stay as they are.
public func escapedForDiagnostics(_ text: String, quoted: Bool = true) -> String {
  var result = ""
  for scalar in text.unicodeScalars {
    switch scalar {
    case "\"" where quoted: result += "\\\""
    case "\\": result += "\\\\"
    case "\n": result += "\\n"
    case "\t": result += "\\t"
    case "\r": result += "\\r"
    default:
      switch scalar.properties.generalCategory {
      case .control, .format, .lineSeparator, .paragraphSeparator, .unassigned, .privateUse, .surrogate:
        result += "\\u{\(String(scalar.value, radix: 16))}"
      default: result.unicodeScalars.append(scalar)
      }
    }
  }
  return result
}
