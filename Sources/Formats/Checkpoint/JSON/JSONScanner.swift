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
