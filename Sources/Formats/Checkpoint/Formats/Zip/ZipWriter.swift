/// Writes a zip archive of stored records, one after the other, as PyTorch lays them out.
///
/// A checksum follows its record, so that data pass through without waiting for it. 64-bit fields are used where
/// sizes or offsets need them. Source: PKWARE APPNOTE 6.3.10.
struct ZipWriter {
  /// PyTorch maps storages into memory and wants them aligned.
  static let alignment = 64

  private let output: OutputFile
  private var offset = 0
  private var directory: [UInt8] = []
  private var count = 0
  private var record = (name: "", start: 0, size: 0, crc: UInt32(0))
  /// True while a record has begun and not ended.
  private(set) var isUnderway = false

  init(_ output: OutputFile) { self.output = output }

  /// A whole record.
  mutating func add(_ name: String, _ data: [UInt8]) throws {
    try begin(name, size: data.count)
    try data.withUnsafeBytes { try append($0) }
    try end()
  }

  /// Starts a record; `append` brings its `size` bytes.
  mutating func begin(_ name: String, size: Int) throws {
    record = (name, offset, size, 0)
    isUnderway = true
    // PyTorch pads an extra field of its own, 'FB'. Sizes stay zero here: they follow the data.
    let is64 = isLarge
    let extra: [UInt8] = is64 ? [1, 0, 16, 0] + [UInt8](repeating: 0, count: 16) : []
    let unpadded = offset + 30 + name.utf8.count + extra.count + 4
    let padding = (Self.alignment - unpadded % Self.alignment) % Self.alignment
    let sizes = [UInt8](repeating: is64 ? 0xFF : 0, count: 8)
    try write(
      [0x50, 0x4B, 3, 4] + common + [0, 0, 0, 0] + sizes + littleEndianBytes(UInt16(name.utf8.count))
        + littleEndianBytes(UInt16(extra.count + 4 + padding)) + Array(name.utf8) + extra + Array("FB".utf8)
        + littleEndianBytes(UInt16(padding)) + [UInt8](repeating: 0x5A, count: padding))
  }

  /// Data of the record underway.
  mutating func append(_ bytes: UnsafeRawBufferPointer) throws {
    try output.write(bytes)
    offset += bytes.count
    record.crc = crc32(bytes, continuing: record.crc)
  }

  /// Completes the record.
  mutating func end() throws {
    let crc = littleEndianBytes(record.crc)
    let size64 = littleEndianBytes(UInt64(record.size))
    let size = littleEndianBytes(UInt32(clamping: record.size))
    try write([0x50, 0x4B, 7, 8] + crc + (isLarge ? size64 + size64 : size + size))

    var extra: [UInt8] = isLarge ? size64 + size64 : []
    if record.start >= 0xFFFF_FFFF { extra += littleEndianBytes(UInt64(record.start)) }
    if !extra.isEmpty { extra = [1, 0] + littleEndianBytes(UInt16(extra.count)) + extra }
    directory += [0x50, 0x4B, 1, 2, 45, 0] + common + crc + size + size
    directory += littleEndianBytes(UInt16(record.name.utf8.count)) + littleEndianBytes(UInt16(extra.count))
    directory += [UInt8](repeating: 0, count: 10) + littleEndianBytes(UInt32(clamping: record.start))
    directory += Array(record.name.utf8) + extra
    count += 1
    isUnderway = false
  }

  private var isLarge: Bool { record.size >= 0xFFFF_FFFF }

  /// Version needed, flags (sizes follow the data; UTF-8 names), stored, the first of January 1980.
  private var common: [UInt8] { [isLarge ? 45 : 20, 0, 8, 8, 0, 0, 0, 0, 0x21, 0] }

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

/// A sink whose file is a zip archive with a record for every tensor.
protocol ZipSink: TensorSink {
  var output: OutputFile { get }
  var zip: ZipWriter { get set }

  /// Starts the record of a tensor.
  func begin(_ spec: TensorSpec) throws
}

extension ZipSink {
  var canReplaceMetadata: Bool { true }

  func write(_ bytes: UnsafeRawBufferPointer, of spec: TensorSpec) throws {
    if !zip.isUnderway { try begin(spec) }
    try zip.append(bytes)
  }

  func end(_ spec: TensorSpec) throws {
    // Nothing is written of a tensor without elements.
    if !zip.isUnderway { try begin(spec) }
    try zip.end()
  }

  func commit() throws { try output.commit() }

  func abort() { output.abort() }
}
