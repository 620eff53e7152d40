/// Reads the operands of pickle operations from bytes that are already in memory.
struct PickleReader {
  let bytes: [UInt8]
  private(set) var position: Int

  init(_ bytes: [UInt8], from position: Int = 0) {
    self.bytes = bytes
    self.position = position
  }

  func fail(_ reason: String) -> PickleError { PickleError(offset: position, reason: reason) }

  mutating func byte() throws(PickleError) -> UInt8 {
    guard position < bytes.count else { throw fail("ends early") }
    position += 1
    return bytes[position - 1]
  }

  /// The next `count` bytes, as a range; they are there, whatever a length field claims.
  mutating func range(_ count: Int) throws(PickleError) -> Range<Int> {
    guard count >= 0, count <= bytes.count - position else { throw fail("length \(count) is beyond the end") }
    position += count
    return position - count..<position
  }

  /// An unsigned little-endian integer of up to 8 bytes that fits `Int`.
  mutating func length(_ width: Int) throws(PickleError) -> Int {
    let value = bytes[try range(width)].reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
    guard let length = Int(exactly: value) else { throw fail("length \(value) is beyond the end") }
    return length
  }

  mutating func text(_ count: Int) throws(PickleError) -> String {
    // Python writes lone surrogates; as a name they would not survive in JSON either.
    guard let text = String(validating: bytes[try range(count)], as: UTF8.self) else {
      throw fail("text is not UTF-8")
    }
    return text
  }

  mutating func line() throws(PickleError) -> String {
    guard let end = bytes[position...].prefix(1024).firstIndex(of: 0x0A) else {
      throw fail("name without an end")
    }
    let text = try text(end - position)
    position += 1
    return text
  }
}
