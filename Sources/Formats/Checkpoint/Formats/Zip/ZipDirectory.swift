/// Where the central directory of a zip archive lies.
struct ZipDirectoryLocation {
  var offset: Int
  var size: Int
  var count: Int

  /// - Parameter commentLimit: Longest comment after the directory; what would begin before is not looked for.
  init(_ file: InputFile, commentLimit: Int = 65535) throws {
    let tailLength = min(file.length, 22 + commentLimit)
    let tail = ByteFields(try file.bytes(at: file.length - tailLength, count: tailLength))
    let candidates = (0...max(tailLength - 22, 0)).filter { at in
      at + 22 <= tailLength && tail.bytes[at] == 0x50 && tail.u32(at) == 0x0605_4B50
        && at + 22 + Int(tail.u16(at + 20)) <= tailLength
    }
    // The last one counts, for PyTorch too, whatever follows it; a comment that reaches exactly to the end of the file and
    // holds another one would be read otherwise by other programs.
    guard let at = candidates.last else { throw ZipError("truncated: no directory at the end") }
    let exact = candidates.filter { $0 + 22 + Int(tail.u16($0 + 20)) == tailLength }
    guard exact.isEmpty || exact == [at] else { throw ZipError("two directories") }
    let end = file.length - tailLength + at
    guard tail.u16(at + 4) == 0, tail.u16(at + 6) == 0, tail.u16(at + 8) == tail.u16(at + 10) else {
      throw ZipError("is split over several files")
    }
    count = Int(tail.u16(at + 10))
    size = Int(tail.u32(at + 12))
    offset = Int(tail.u32(at + 16))
    // PyTorch writes the 64-bit directory end always, not only when a field overflows.
    let expectedEnd = try Self.readZip64(file, before: end, &self)
    guard count <= ZipArchive.recordLimit else {
      throw ZipError("more than \(ZipArchive.recordLimit) records")
    }
    guard offset >= 0, size >= 0, offset <= expectedEnd, size == expectedEnd - offset else {
      throw ZipError("the directory does not lie where it should")
    }
  }

  /// Takes the 64-bit fields if there are any; returns where the directory has to end.
  private static func readZip64(_ file: InputFile, before end: Int, _ location: inout Self) throws -> Int {
    let overflows = location.count == 0xFFFF || location.size == 0xFFFF_FFFF || location.offset == 0xFFFF_FFFF
    let locator = end >= 20 + 56 ? ByteFields(try file.bytes(at: end - 20, count: 20)) : nil
    guard let locator, locator.u32(0) == 0x0706_4B50 else {
      guard !overflows else { throw ZipError("lacks its 64-bit directory") }
      return end
    }
    guard let at = Int(exactly: locator.u64(8)), at <= end - 76 else {
      throw ZipError("lacks its 64-bit directory")
    }
    let record = ByteFields(try file.bytes(at: at, count: 56))
    guard record.u32(0) == 0x0606_4B50, record.u64(4) == UInt64(end - 20 - at - 12),
      record.u64(24) == record.u64(32), let count = Int(exactly: record.u64(32)),
      let size = Int(exactly: record.u64(40)), let offset = Int(exactly: record.u64(48)),
      location.count == min(count, 0xFFFF), location.size == min(size, 0xFFFF_FFFF),
      location.offset == min(offset, 0xFFFF_FFFF)
    else { throw ZipError("has a damaged 64-bit directory") }
    location.count = count
    location.size = size
    location.offset = offset
    return at
  }
}

/// The entries of a central directory, each checked for itself.
struct ZipDirectory {
  var records: [ZipArchive.Record] = []

  init(_ file: InputFile, _ location: ZipDirectoryLocation) throws {
    // An entry takes 46 bytes at least, which bounds the count by the size.
    guard location.count <= location.size / 46 else {
      throw ZipError("the directory is shorter than its count")
    }
    let fields = ByteFields(try file.bytes(at: location.offset, count: location.size))
    var seen: Set<TensorName> = []
    var at = 0
    for _ in 0..<location.count {
      let (record, next) = try Self.entry(fields, at)
      guard seen.insert(record.name).inserted else {
        throw ZipError("record \"\(record.name)\" appears twice")
      }
      records.append(record)
      at = next
    }
    guard at == location.size else { throw ZipError("the directory is longer than its count") }
  }

  private static func entry(_ fields: ByteFields, _ at: Int) throws -> (ZipArchive.Record, next: Int) {
    guard at + 46 <= fields.bytes.count, fields.u32(at) == 0x0201_4B50 else {
      throw ZipError("damaged directory")
    }
    let nameEnd = at + 46 + Int(fields.u16(at + 28))
    let extraEnd = nameEnd + Int(fields.u16(at + 30))
    let end = extraEnd + Int(fields.u16(at + 32))
    guard end <= fields.bytes.count,
      let text = String(validating: fields.bytes[at + 46..<nameEnd], as: UTF8.self)
    else { throw ZipError("damaged directory") }
    let name = TensorName(text)
    guard fields.u16(at + 8) & ZipFlags.encryption == 0 else {
      throw ZipError("record \"\(name)\" is encrypted")
    }
    let method = fields.u16(at + 10)
    guard method == 0 || method == 8 else {
      throw ZipError("record \"\(name)\" uses compression method \(method)")
    }
    var sizes = [fields.u32(at + 24), fields.u32(at + 20), fields.u32(at + 42)].map { UInt64($0) }
    try fields.readZip64(nameEnd..<extraEnd, &sizes, name)
    guard let size = Int(exactly: sizes[0]), let stored = Int(exactly: sizes[1]),
      let offset = Int(exactly: sizes[2]), method == 8 || size == stored
    else { throw ZipError("record \"\(name)\" has impossible sizes") }
    // Deflate cannot shrink further than to 1/1032.
    guard method == 0 || size / 1032 <= stored else {
      throw ZipError("record \"\(name)\" claims \(size) bytes from \(stored)")
    }
    return (
      .init(
        name: name, isDeflated: method == 8, crc: fields.u32(at + 16), storedSize: stored, size: size,
        headerOffset: offset), end
    )
  }
}

extension ByteFields {
  /// Replaces 32-bit sizes that did not fit by those of the 64-bit extra field, which holds only these: size, stored size
  /// and, in the directory, offset.
  ///
  /// - Parameter extra: Where the extra fields lie.
  func readZip64(_ extra: Range<Int>, _ sizes: inout [UInt64], _ name: TensorName) throws(ZipError) {
    guard sizes.contains(0xFFFF_FFFF) else { return }
    var at = extra.lowerBound
    while at + 4 <= extra.upperBound {
      let length = Int(u16(at + 2))
      guard at + 4 + length <= extra.upperBound else { break }
      if u16(at) == 1 {
        var from = at + 4
        for index in sizes.indices where sizes[index] == 0xFFFF_FFFF {
          guard from + 8 <= at + 4 + length else { throw ZipError("record \"\(name)\" has impossible sizes") }
          sizes[index] = u64(from)
          from += 8
        }
        return
      }
      at += 4 + length
    }
    throw ZipError("record \"\(name)\" has impossible sizes")
  }
}

/// The records of a zip archive of plain data, such as NumPy's, for readers outside this module.
package struct ZipRecords {
  private let file: InputFile
  private let archive: ZipArchive

  /// - Throws: `CheckpointError`.
  package init(path: String) throws {
    file = try InputFile(regularFileAt: path)
    do { archive = try ZipArchive(file) } catch let error as ZipError {
      throw CheckpointError.malformed(path: path, reason: "\(error)")
    }
  }

  /// Names of the records, in the order of their data.
  package var names: [String] { archive.sortedRecords.map(\.name.string) }

  /// Where the bytes of a record lie in the file if it is stored as it is; nil if it is compressed or not there.
  package func plainRange(of name: String) -> Range<Int>? {
    guard let record = archive.records[TensorName(name)], !record.isDeflated else { return nil }
    return record.dataOffset..<record.dataOffset + record.size
  }

  /// The bytes of a record, decompressed and checked against its checksum.
  /// - Throws: `CheckpointError.malformed` for a damaged record, or one that is not there or larger than `limit`.
  package func contents(of name: String, limit: Int) throws -> [UInt8] {
    do {
      guard let record = archive.records[TensorName(name)] else { throw ZipError("no record \"\(name)\"") }
      return try ZipArchive.contents(of: record, in: file, limit: limit)
    } catch let error as ZipError {
      throw CheckpointError.malformed(path: file.label, reason: "\(error)")
    }
  }
}
