/// A pull scanner over the bytes of a JSON text (RFC 8259, UTF-8 only, no byte order mark).
///
/// Callers ask for what they expect, so that a header of many megabytes is read without a tree in between.
struct JSONScanner {
  static let depthLimit = 128

  let bytes: [UInt8]
  private(set) var position = 0
  /// True if an escape was written with an uppercase digit: the one spelling whose change does not change a
  /// text.
  private(set) var sawUppercaseEscape = false

  init(_ bytes: [UInt8]) { self.bytes = bytes }

  func fail(_ reason: String, at offset: Int? = nil) -> JSONError {
    JSONError(offset: offset ?? position, reason: reason)
  }

  mutating func skipWhitespace() {
    while position < bytes.count {
      switch bytes[position] {
      case 0x20, 0x09, 0x0A, 0x0D: position += 1
      default: return
      }
    }
  }

  /// The next byte that is not whitespace, left in place.
  mutating func peek() throws(JSONError) -> UInt8 {
    skipWhitespace()
    guard position < bytes.count else { throw fail("ends early") }
    return bytes[position]
  }

  /// Steps over an ASCII character.
  mutating func expect(_ character: Unicode.Scalar) throws(JSONError) {
    guard try peek() == UInt8(ascii: character) else { throw fail("expected '\(character)'") }
    position += 1
  }

  /// Throws unless only whitespace follows.
  mutating func expectEnd() throws(JSONError) {
    skipWhitespace()
    guard position == bytes.count else { throw fail("something follows the value") }
  }

  /// Steps into an object; false when it is empty.
  mutating func enterObject() throws(JSONError) -> Bool {
    try expect("{")
    if try peek() != UInt8(ascii: "}") { return true }
    position += 1
    return false
  }

  /// A member's key, with the colon.
  mutating func key() throws(JSONError) -> String {
    let key = try string()
    try expect(":")
    return key
  }

  /// Returns true if another member or element follows; `}` or `]` ends the list.
  mutating func continues(until end: Unicode.Scalar) throws(JSONError) -> Bool {
    let byte = try peek()
    if byte == UInt8(ascii: ",") {
      position += 1
      return true
    }
    guard byte == UInt8(ascii: end) else { throw fail("expected ',' or '\(end)'") }
    position += 1
    return false
  }

  /// Steps into an array; false when it is empty.
  mutating func enterArray() throws(JSONError) -> Bool {
    try expect("[")
    if try peek() != UInt8(ascii: "]") { return true }
    position += 1
    return false
  }

  /// A non-negative integer below 2^63 in plain digits.
  mutating func unsignedInteger() throws(JSONError) -> Int {
    _ = try peek()
    let start = position
    let end = try number()
    var value = 0
    for index in start..<end {
      let byte = bytes[index]
      guard byte >= 0x30, byte <= 0x39 else { throw fail("expected a non-negative integer", at: start) }
      let (tens, overflow) = value.multipliedReportingOverflow(by: 10)
      let (sum, carry) = tens.addingReportingOverflow(Int(byte - 0x30))
      guard !overflow, !carry else { throw fail("integer is too large", at: start) }
      value = sum
    }
    return value
  }

  /// Steps over a number, grammar checked; returns the offset after it.
  @discardableResult mutating func number() throws(JSONError) -> Int {
    if try peek() == UInt8(ascii: "-") { position += 1 }
    let lead = position
    try digits()
    if bytes[lead] == UInt8(ascii: "0") && position > lead + 1 { throw fail("leading zero", at: lead) }
    if position < bytes.count, bytes[position] == UInt8(ascii: ".") {
      position += 1
      try digits()
    }
    if position < bytes.count, bytes[position] | 0x20 == UInt8(ascii: "e") {
      position += 1
      if position < bytes.count, bytes[position] == UInt8(ascii: "+") || bytes[position] == UInt8(ascii: "-")
      {
        position += 1
      }
      try digits()
    }
    return position
  }

  private mutating func digits() throws(JSONError) {
    let start = position
    while position < bytes.count, bytes[position] >= 0x30, bytes[position] <= 0x39 { position += 1 }
    if position == start { throw fail("expected a value") }
  }

  mutating func literal(_ text: StaticString) throws(JSONError) {
    let matches = text.withUTF8Buffer { bytes[position...].starts(with: $0) }
    guard matches else { throw fail("expected a value") }
    position += text.utf8CodeUnitCount
  }

  mutating func advance(to offset: Int) { position = offset }

  mutating func noteUppercaseEscape() { sawUppercaseEscape = true }
}

extension JSONScanner {
  /// A text: valid UTF-8, no raw control characters, surrogates only in pairs.
  mutating func string() throws(JSONError) -> String {
    guard try peek() == UInt8(ascii: "\"") else { throw fail("expected a text") }
    let start = position + 1
    var end = start
    // The plain case, without escapes, is one copy, and ASCII needs no validation, which takes longer.
    var union: UInt8 = 0
    while end < bytes.count {
      let byte = bytes[end]
      if byte == UInt8(ascii: "\"") {
        advance(to: end + 1)
        guard union < 0x80 else { return try text(bytes[start..<end], at: start) }
        return bytes[start..<end].withUnsafeBufferPointer { String(decoding: $0, as: UTF8.self) }
      }
      if byte == UInt8(ascii: "\\") { return try escapedString(from: start) }
      if byte < 0x20 { throw fail("control character in a text", at: end) }
      union |= byte
      end += 1
    }
    throw fail("text without an end", at: start - 1)
  }

  private func text(_ slice: ArraySlice<UInt8>, at offset: Int) throws(JSONError) -> String {
    guard let text = slice.withUnsafeBufferPointer({ String(validating: $0, as: UTF8.self) }) else {
      throw fail("text is not UTF-8", at: offset)
    }
    return text
  }

  private mutating func escapedString(from start: Int) throws(JSONError) -> String {
    var unescaped: [UInt8] = []
    var at = start
    while at < bytes.count {
      let byte = bytes[at]
      switch byte {
      case UInt8(ascii: "\""):
        advance(to: at + 1)
        return try text(unescaped[...], at: start)
      case UInt8(ascii: "\\"): at = try unescape(at, into: &unescaped)
      case 0..<0x20: throw fail("control character in a text", at: at)
      default:
        unescaped.append(byte)
        at += 1
      }
    }
    throw fail("text without an end", at: start - 1)
  }

  /// Appends what the escape at `at` stands for; returns the offset after it.
  private mutating func unescape(_ at: Int, into unescaped: inout [UInt8]) throws(JSONError) -> Int {
    guard at + 1 < bytes.count else { throw fail("text without an end", at: at) }
    switch bytes[at + 1] {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): unescaped.append(bytes[at + 1])
    case UInt8(ascii: "b"): unescaped.append(0x08)
    case UInt8(ascii: "f"): unescaped.append(0x0C)
    case UInt8(ascii: "n"): unescaped.append(0x0A)
    case UInt8(ascii: "r"): unescaped.append(0x0D)
    case UInt8(ascii: "t"): unescaped.append(0x09)
    case UInt8(ascii: "u"): return try unescapeUnicode(at, into: &unescaped)
    default: throw fail("unknown escape", at: at)
    }
    return at + 2
  }

  private mutating func unescapeUnicode(_ at: Int, into unescaped: inout [UInt8]) throws(JSONError) -> Int {
    let first = try hexadecimal(at + 2)
    var value = first
    var next = at + 6
    if first & 0xFC00 == 0xD800, next + 1 < bytes.count, bytes[next] == UInt8(ascii: "\\"),
      bytes[next + 1] == UInt8(ascii: "u")
    {
      let second = try hexadecimal(next + 2)
      if second & 0xFC00 == 0xDC00 {
        value = 0x10000 + (first & 0x3FF) << 10 + second & 0x3FF
        next += 6
      }
    }
    guard let scalar = Unicode.Scalar(value) else { throw fail("lone surrogate", at: at) }
    unescaped += UTF8.encode(scalar)!
    return next
  }

  private mutating func hexadecimal(_ at: Int) throws(JSONError) -> UInt32 {
    guard at + 4 <= bytes.count else { throw fail("incomplete escape", at: at - 2) }
    var value: UInt32 = 0
    for byte in bytes[at..<at + 4] {
      if byte >= 0x41 && byte <= 0x46 { noteUppercaseEscape() }
      switch byte {
      case 0x30...0x39: value = value << 4 | UInt32(byte - 0x30)
      case 0x41...0x46, 0x61...0x66: value = value << 4 | UInt32((byte | 0x20) - 0x57)
      default: throw fail("incomplete escape", at: at - 2)
      }
    }
    return value
  }
}
