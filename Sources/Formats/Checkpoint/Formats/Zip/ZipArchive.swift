import CDeflate
import CZlib

/// The records of a zip archive, cross-checked so that every reader sees the same ones.
///
/// Refused although some readers accept them: repeated names, local headers that contradict the directory,
/// overlapping records, leading bytes. What follows the archive is skipped as PyTorch does, as far as a comment could reach. Source: PKWARE APPNOTE 6.3.10.
struct ZipArchive {
  struct Record: Equatable {
    var name: TensorName
    var isDeflated: Bool
    var crc: UInt32
    var storedSize: Int
    var size: Int
    var headerOffset: Int
    /// Where the stored bytes begin.
    var dataOffset = 0
  }

  static let recordLimit = 1 << 20

  let records: [TensorName: Record]
  /// The records in the order of their data.
  let sortedRecords: [Record]

  /// - Parameter commentLimit: Longest comment after the directory. PyTorch writes none; a small limit saves most of the
  ///   reading in archives of a few kilobytes.
  init(_ file: InputFile, commentLimit: Int = 65535) throws {
    let directory = try ZipDirectoryLocation(file, commentLimit: commentLimit)
    var records = try ZipDirectory(file, directory).records
    records.sort { $0.headerOffset < $1.headerOffset }
    var end = 0
    for index in records.indices {
      let record = records[index]
      guard record.headerOffset == 0 || index > 0 else { throw ZipError("bytes before the first record") }
      guard record.headerOffset >= end else { throw ZipError("record \"\(record.name)\" overlaps another") }
      records[index].dataOffset = try Self.checkLocalHeader(of: record, in: file, limit: directory.offset)
      end = records[index].dataOffset + record.storedSize
    }
    guard end <= directory.offset else { throw ZipError("a record overlaps the directory") }
    sortedRecords = records
    self.records = Dictionary(uniqueKeysWithValues: records.map { ($0.name, $0) })
  }

  /// Where the record's data begin.
  private static func checkLocalHeader(of record: Record, in file: InputFile, limit: Int) throws -> Int {
    guard record.headerOffset <= limit - 30 else {
      throw ZipError("record \"\(record.name)\" lies outside the file")
    }
    let header = ByteFields(try file.bytes(at: record.headerOffset, count: 30))
    guard header.u32(0) == 0x0403_4B50 else {
      throw ZipError("record \"\(record.name)\" has no local header")
    }
    let start = record.headerOffset + 30
    let nameLength = Int(header.u16(26))
    let dataOffset = start + nameLength + Int(header.u16(28))
    guard dataOffset <= limit, record.storedSize <= limit - dataOffset else {
      throw ZipError("record \"\(record.name)\" lies outside the file")
    }
    func contradiction(_ what: String) -> ZipError {
      ZipError("local header of record \"\(record.name)\" contradicts the directory in its \(what)")
    }
    let flags = header.u16(6)
    let name = try file.bytes(at: start, count: nameLength)
    guard name == Array(record.name.string.utf8) else { throw contradiction("name") }
    guard header.u16(8) == (record.isDeflated ? 8 : 0) else { throw contradiction("compression") }
    guard flags & ZipFlags.encryption == 0 else { throw contradiction("encryption") }
    // With this flag, which PyTorch sets, checksum and sizes follow the data.
    if flags & ZipFlags.sizesFollow == 0 {
      guard header.u32(14) == record.crc else { throw contradiction("checksum") }
      var sizes = [header.u32(22), header.u32(18)].map { UInt64($0) }
      let extra = ByteFields(try file.bytes(at: start + nameLength, count: Int(header.u16(28))))
      try extra.readZip64(0..<extra.bytes.count, &sizes, record.name)
      guard sizes == [UInt64(record.size), UInt64(record.storedSize)] else { throw contradiction("sizes") }
    }
    return dataOffset
  }

  /// The bytes of a record, decompressed and checked.
  static func contents(of record: ZipArchive.Record, in file: InputFile, limit: Int) throws -> [UInt8] {
    guard record.size <= limit else { throw ZipError("record \"\(record.name)\" exceeds \(limit) bytes") }
    let stored = try file.bytes(at: record.dataOffset, count: record.storedSize)
    var bytes = stored
    if record.isDeflated {
      bytes = [UInt8](repeating: 0, count: record.size)
      let valid = stored.withUnsafeBytes { source in
        bytes.withUnsafeMutableBytes { inflate(source, into: $0) }
      }
      guard valid else { throw ZipError("record \"\(record.name)\" is damaged") }
    }
    guard record.crc == 0 || bytes.withUnsafeBytes({ crc32($0) }) == record.crc else {
      throw ZipError("checksum of record \"\(record.name)\" does not match")
    }
    return bytes
  }
}

/// Bits of a record's general purpose flags.
enum ZipFlags {
  /// Encrypted, strongly encrypted, or with masked header values.
  static let encryption: UInt16 = 0x2041
  /// The local header has neither checksum nor sizes.
  static let sizesFollow: UInt16 = 0x0008
}

/// Why a zip archive cannot be read.
struct ZipError: Error, Equatable, CustomStringConvertible {
  var reason: String
  init(_ reason: String) { self.reason = reason }
  var description: String { "zip: \(reason)" }
}

/// Little-endian fields at fixed offsets.
struct ByteFields {
  let bytes: [UInt8]
  init(_ bytes: [UInt8]) { self.bytes = bytes }

  func u16(_ offset: Int) -> UInt16 { UInt16(value(offset, 2)) }
  func u32(_ offset: Int) -> UInt32 { UInt32(value(offset, 4)) }
  func u64(_ offset: Int) -> UInt64 { value(offset, 8) }

  private func value(_ offset: Int, _ width: Int) -> UInt64 {
    bytes[offset..<offset + width].reversed().reduce(0) { $0 << 8 | UInt64($1) }
  }
}

/// CRC-32, that of gzip, zip and PNG, of `bytes`, continuing `crc`; that of nothing is 0.
package func crc32(_ bytes: UnsafeRawBufferPointer, continuing crc: UInt32 = 0) -> UInt32 {
  guard let start = bytes.baseAddress else { return crc }
  return libdeflate_crc32(crc, start, bytes.count)
}

/// CRC-32 of the concatenation of data with the checksum `first` and of `count` bytes with the checksum `second`.
package func combineCRC(_ first: UInt32, _ second: UInt32, _ count: Int) -> UInt32 {
  UInt32(crc32_combine(UInt(first), UInt(second), count))
}

/// Eight lowercase hexadecimal digits.
package func hexadecimal(_ crc: UInt32) -> String {
  let digits = String(crc, radix: 16)
  return String(repeating: "0", count: 8 - digits.count) + digits
}

/// Inflates all of the raw deflate stream `source` into `target`.
///
/// - Returns: True if the stream was valid, ended with the source, and filled the target exactly.
func inflate(_ source: UnsafeRawBufferPointer, into target: UnsafeMutableRawBufferPointer) -> Bool {
  guard let decompressor = libdeflate_alloc_decompressor() else { return false }
  defer { libdeflate_free_decompressor(decompressor) }
  var (read, written) = (0, 0)
  // The library wants addresses even when there is nothing to read or to write.
  var nothing: UInt8 = 0
  let status = withUnsafeMutablePointer(to: &nothing) { nothing in
    libdeflate_deflate_decompress_ex(
      decompressor, source.baseAddress ?? UnsafeRawPointer(nothing), source.count,
      target.baseAddress ?? UnsafeMutableRawPointer(nothing), target.count, &read, &written)
  }
  return status == LIBDEFLATE_SUCCESS && read == source.count && written == target.count
}
