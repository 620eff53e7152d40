/// Writes a zip archive of stored records, one after the other, as PyTorch lays them out.
///
/// 64-bit fields are used where sizes or offsets need them. Source: PKWARE APPNOTE 6.3.10.
struct ZipWriter {
  /// PyTorch maps storages into memory and wants them aligned.
  static let alignment = 64

  private let output: OutputFile
  private var offset = 0
  private var directory: [UInt8] = []
  private var count = 0

  init(_ output: OutputFile) { self.output = output }

  mutating func add(_ name: String, _ data: [UInt8]) throws {
    let crc = data.withUnsafeBytes { crc32($0) }
    let start = offset
    let isLarge = data.count >= 0xFFFF_FFFF
    let size = littleEndianBytes(UInt32(clamping: data.count))
    let sizes64 = littleEndianBytes(UInt64(data.count)) + littleEndianBytes(UInt64(data.count))
    var extra: [UInt8] = isLarge ? [1, 0, 16, 0] + sizes64 : []
    let unpadded = start + 30 + name.utf8.count + extra.count + 4
    let padding = (Self.alignment - unpadded % Self.alignment) % Self.alignment
    extra += Array("FB".utf8) + littleEndianBytes(UInt16(padding)) + [UInt8](repeating: 0x5A, count: padding)
    // Version, no flags but UTF-8 names, stored, the first of January 1980.
    let common: [UInt8] =
      [isLarge ? 45 : 20, 0, 0, 8, 0, 0, 0, 0, 0x21, 0] + littleEndianBytes(crc) + size + size
    try write(
      [0x50, 0x4B, 3, 4] + common + littleEndianBytes(UInt16(name.utf8.count))
        + littleEndianBytes(UInt16(extra.count)) + Array(name.utf8) + extra)
    try write(data)

    var central: [UInt8] = isLarge ? sizes64 : []
    if start >= 0xFFFF_FFFF { central += littleEndianBytes(UInt64(start)) }
    if !central.isEmpty { central = [1, 0] + littleEndianBytes(UInt16(central.count)) + central }
    directory += [0x50, 0x4B, 1, 2, 45, 0] + common + littleEndianBytes(UInt16(name.utf8.count))
    directory += littleEndianBytes(UInt16(central.count)) + [UInt8](repeating: 0, count: 10)
    directory += littleEndianBytes(UInt32(clamping: start)) + Array(name.utf8) + central
    count += 1
  }

  mutating func finish() throws {
    let start = offset
    try write(directory)
    let size = directory.count
    let count64 = littleEndianBytes(UInt64(count))
    if count >= 0xFFFF || start >= 0xFFFF_FFFF || size >= 0xFFFF_FFFF {
      let end = offset
      let sizeOfRest = littleEndianBytes(UInt64(44))
      try write(
        [0x50, 0x4B, 6, 6] + sizeOfRest + [45, 0, 45, 0] + [UInt8](repeating: 0, count: 8) + count64 + count64
          + littleEndianBytes(UInt64(size)) + littleEndianBytes(UInt64(start)))
      try write([0x50, 0x4B, 6, 7, 0, 0, 0, 0] + littleEndianBytes(UInt64(end)) + [1, 0, 0, 0])
    }
    let count16 = littleEndianBytes(UInt16(clamping: count))
    try write(
      [0x50, 0x4B, 5, 6, 0, 0, 0, 0] + count16 + count16 + littleEndianBytes(UInt32(clamping: size))
        + littleEndianBytes(UInt32(clamping: start)) + [0, 0])
  }

  private mutating func write(_ bytes: [UInt8]) throws {
    try output.write(bytes)
    offset += bytes.count
  }
}
