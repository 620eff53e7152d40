/// The regular files in a tar archive, or in several that were put one after the other: ustar, GNU and pax names.
struct TarIndex {
  struct Member: Equatable {
    let name: [UInt8]
    let offset: Int
    let size: Int
    /// Number of the archive among those put one after the other.
    var archive = 0
  }

  private(set) var members: [Member] = []

  /// Reads the headers of the archive; file contents are skipped.
  ///
  /// Each archive must end with a block of zeros: one that was cut at the end of a file would otherwise pass
  /// for a smaller archive. Another archive may follow, as with `tar --ignore-zeros`.
  /// - Throws: `badDataset`, `readFailed`.
  init(_ archive: RandomAccessBytes) throws(ImageDataError) {
    var offset = 0
    // What an extension header says of the member after it.
    var longName: [UInt8]?
    var longSize: Int?
    var number = 0
    while true {
      guard archive.count - offset >= 512 else {
        throw .badDataset(
          path: archive.path,
          reason: "truncated tar archive: it ends after \(archive.count) bytes, \(members.count) files read")
      }
      let block = try archive.read(at: offset, count: 512)
      if block.allSatisfy({ $0 == 0 }) {
        guard let next = try Self.endOfZeros(archive, from: offset + 512) else { return }
        offset = next
        number += 1
        continue
      }
      let header = try TarHeader(block, at: offset, path: archive.path)
      // The size is read from the extension only for the member itself.
      let isExtension = "LKxg".utf8.contains(header.kind)
      let size = isExtension ? header.size : longSize ?? header.size
      offset += 512
      guard size <= archive.count - offset else {
        throw .badDataset(
          path: archive.path,
          reason: "truncated tar archive: \"\(display(longName ?? header.name))\": expected \(size) bytes, "
            + "found \(archive.count - offset)")
      }
      switch header.kind {
      case UInt8(ascii: "L"):
        longName = try Array(Self.extensionText(archive, offset, size).prefix { $0 != 0 })
      case UInt8(ascii: "x"):
        let records = try PaxRecords(Self.extensionText(archive, offset, size), path: archive.path)
        longName = records.path ?? longName
        longSize = records.size ?? longSize
      case UInt8(ascii: "K"), UInt8(ascii: "g"):
        break
      default:
        // Files have the type 0, in old archives a zero byte; 7 is a file that wants to be contiguous.
        if [0, UInt8(ascii: "0"), UInt8(ascii: "7")].contains(header.kind) {
          members.append(Member(name: longName ?? header.name, offset: offset, size: size, archive: number))
        }
        longName = nil
        longSize = nil
      }
      let padded = size.addingReportingOverflow((512 - size % 512) % 512)
      offset += min(padded.overflow ? Int.max : padded.partialValue, archive.count - offset)
    }
  }

  /// The next block that is not zero; nil if there is none up to the end.
  private static func endOfZeros(
    _ archive: RandomAccessBytes, from start: Int
  ) throws(ImageDataError) -> Int? {
    var offset = start
    while offset < archive.count {
      // Archives are padded to records of 10 KB; whole pages are read so that long padding costs little.
      let page = try archive.read(at: offset, count: min(1 << 16, archive.count - offset))
      if let place = page.firstIndex(where: { $0 != 0 }) { return offset + place / 512 * 512 }
      offset += page.count
    }
    return nil
  }

  private static func extensionText(
    _ archive: RandomAccessBytes, _ offset: Int, _ size: Int
  ) throws(ImageDataError) -> [UInt8] {
    guard size <= 1 << 20 else {
      throw .badDataset(
        path: archive.path, reason: "tar extension header of \(size) bytes at byte \(offset - 512)")
    }
    return try archive.read(at: offset, count: size)
  }
}

private struct TarHeader {
  let name: [UInt8]
  let size: Int
  let kind: UInt8

  init(_ block: [UInt8], at offset: Int, path: String) throws(ImageDataError) {
    func text(_ range: Range<Int>) -> [UInt8] { Array(block[range].prefix { $0 != 0 }) }
    // The sum of all bytes, with the checksum's own place taken as spaces.
    let sum = block.indices.reduce(0) { $0 + (148..<156 ~= $1 ? 32 : Int(block[$1])) }
    guard Self.number(block[148..<156]) == sum else {
      throw .badDataset(
        path: path, reason: "not a tar archive, or a damaged one: bad header at byte \(offset)")
    }
    guard let size = Self.number(block[124..<136]) else {
      throw .badDataset(path: path, reason: "bad size in the tar header at byte \(offset)")
    }
    self.size = size
    kind = block[156]
    // POSIX archives keep the start of long names in a field of its own; GNU's magic is "ustar " and has
    // none.
    let prefix = block[257..<263].elementsEqual("ustar\0".utf8) ? text(345..<500) : []
    name = prefix.isEmpty ? text(0..<100) : prefix + [UInt8(ascii: "/")] + text(0..<100)
  }

  /// Octal digits, or GNU's binary numbers, which begin with the byte 0x80.
  private static func number(_ field: ArraySlice<UInt8>) -> Int? {
    if field.first == 0x80 {
      return field.dropFirst().reduce(Int?(0)) { value, byte in
        guard let value, value < Int.max >> 8 else { return nil }
        return value << 8 | Int(byte)
      }
    }
    let digits = field.drop { $0 == 32 }.prefix { $0 != 0 && $0 != 32 }
    if digits.isEmpty { return 0 }
    return Int(display(digits), radix: 8).flatMap { $0 >= 0 ? $0 : nil }
  }
}

/// The records of a pax extended header that matter here: `length key=value\n`.
private struct PaxRecords {
  var path: [UInt8]?
  var size: Int?

  init(_ bytes: [UInt8], path archive: String) throws(ImageDataError) {
    var rest = bytes[...]
    while let first = rest.first, first != 0 {
      let digits = rest.prefix { $0 != UInt8(ascii: " ") }
      guard digits.count < 8, let length = Int(display(digits)), length > digits.count + 1,
        length <= rest.count,
        rest[rest.startIndex + length - 1] == UInt8(ascii: "\n")
      else { throw .badDataset(path: archive, reason: "bad pax header in the tar archive") }
      let record = rest.prefix(length - 1).dropFirst(digits.count + 1)
      rest = rest.dropFirst(length)
      let key = record.prefix { $0 != UInt8(ascii: "=") }
      let value = record.dropFirst(key.count + 1)
      if key.elementsEqual("path".utf8) { self.path = Array(value) }
      if key.elementsEqual("size".utf8) {
        guard let number = Int(display(value)), number >= 0 else {
          throw .badDataset(path: archive, reason: "bad size in a pax header of the tar archive")
        }
        size = number
      }
    }
  }
}
