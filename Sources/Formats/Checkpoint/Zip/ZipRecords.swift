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
