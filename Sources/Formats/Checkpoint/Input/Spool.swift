import CPlatform
import Platform

/// Copies a stream that cannot seek into an unlinked temporary file.
enum Spool {
  private static let chunk = 1 << 20

  /// - Parameter beginning: What has been read from the stream already.
  /// - Throws: An error of reading; `CheckpointError.invalidHeader` as soon as the beginning shows that no
  ///   checkpoint follows, so that an endless device does not fill the disk.
  static func copy(
    _ source: Int32, after beginning: [UInt8] = [], label: String, temporaryFolder: String
  ) throws -> InputFile {
    let temporary = try create(in: temporaryFolder)
    var keep = false
    defer { if !keep { close(temporary) } }

    var buffer = [UInt8](repeating: 0, count: chunk)
    var length = beginning.count
    try beginning.withUnsafeBytes { try writeAll(temporary, $0, label: temporaryFolder) }
    var limit: Int?
    while true {
      let count = try readOnce(source, into: &buffer, label: label)
      if count == 0 { break }
      try buffer.withUnsafeBytes { bytes in
        try writeAll(temporary, UnsafeRawBufferPointer(rebasing: bytes[..<count]), label: temporaryFolder)
      }
      length += count
      if limit == nil {
        limit = try expectedLength(
          InputFile(descriptor: temporary, length: length, label: label, closes: false))
      }
      // One byte too many is enough for the check of the length to fail.
      if let limit, length > limit { break }
    }
    keep = true
    return InputFile(descriptor: temporary, length: length, label: label)
  }

  /// An open file without a name.
  static func create(in folder: String) throws(CheckpointError) -> Int32 {
    let descriptor = ck_scratch_file(folder)
    guard descriptor >= 0 else {
      throw .cannotCreate(path: "scratch file in \(folder)", reason: systemMessage(errno))
    }
    return descriptor
  }

  /// Length of the stream that begins with `beginning`; nil while it cannot be told.
  private static func expectedLength(_ beginning: InputFile) throws -> Int? {
    guard beginning.length >= 16 else { return nil }
    guard try FileFormat(of: beginning) == .safetensors else { return Int.max }
    do {
      let length = try SafetensorsHeader.length(try beginning.bytes(at: 0, count: 8))
      guard beginning.length >= 8 + length else { return nil }
    } catch let fault as SafetensorsFault {
      throw CheckpointError.invalidHeader(path: beginning.label, fault)
    }
    return try SafetensorsFile.header(of: beginning, checkingLength: false).fileLength
  }

  private static func readOnce(_ source: Int32, into buffer: inout [UInt8], label: String) throws -> Int {
    try buffer.withUnsafeMutableBytes { try readSome(source, into: $0, label: label) }
  }
}

/// Reads what a descriptor has to give, at most as much as fits; returns 0 at the end.
func readSome(
  _ descriptor: Int32, into buffer: UnsafeMutableRawBufferPointer, label: String
) throws(CheckpointError) -> Int {
  while true {
    let count = read(descriptor, buffer.baseAddress!, buffer.count)
    if count >= 0 { return count }
    if errno != EINTR { throw .readFailed(path: label, code: errno) }
  }
}
