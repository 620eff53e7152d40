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
