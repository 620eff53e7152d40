import Platform

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
