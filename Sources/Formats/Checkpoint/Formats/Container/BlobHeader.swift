import CCheckpointKernels

/// The beginning of a blob: what tensor it holds and where its blocks lie. The layout is in ckpt-format(5).
struct BlobHeader: Equatable, Sendable {
  static let magic: [UInt8] = [0x89, 0x43, 0x4B, 0x5A, 0x0D, 0x0A, 0x1A, 0x0A]
  static let fixedSize = 40
  /// Raw bytes of a block: small enough for random access, large enough for the code tables not to matter.
  static let blockBytes = 1 << 18

  enum Transform: UInt8, Sendable {
    case none = 0
    case planes = 1
    case rotate = 2
    case deltaFloat = 3
    case deltaInteger = 4

    var isDelta: Bool { self == .deltaFloat || self == .deltaInteger }

    var kernel: ck_transform {
      switch self {
      case .none, .planes: CK_PLAIN
      case .rotate: CK_ROTATE
      case .deltaFloat: CK_DELTA_FLOAT
      case .deltaInteger: CK_DELTA_INTEGER
      }
    }
  }

  struct Plane: Equatable, Sendable {
    var isDeflated: Bool
    var count: Int
  }

  struct Block: Equatable, Sendable {
    var planes: [Plane]
    /// CRC-32 of the stored bytes, padding after the last block included.
    var crc: UInt32
    var storedCount: Int { planes.reduce(0) { $0 + $1.count } }
  }

  var dtype: DType
  var shape: [Int]
  var transform: Transform
  /// Bytes of a word, and so the number of planes.
  var width: Int
  var wordsPerBlock: Int
  var rawCRC: UInt32
  /// CRC-32 of the base tensor of a delta, otherwise zero.
  var baseCRC: UInt32
  var blocks: [Block]

  var byteCount: Int { TensorSpec(name: "", dtype: dtype, shape: shape).byteCount }

  /// Length of header and table.
  var encodedCount: Int { Self.encodedCount(rank: shape.count, blocks: blocks.count, width: width) }

  static func encodedCount(rank: Int, blocks: Int, width: Int) -> Int {
    fixedSize + 8 * rank + blocks * 4 * (width + 1) + 4
  }

  /// Zero bytes that bring the blob to a multiple of 8, so that the tensors after it stay aligned.
  var paddingCount: Int {
    (8 - (encodedCount + blocks.reduce(0) { $0 + $1.storedCount }) % 8) % 8
  }

  func encoded() -> [UInt8] {
    var bytes = Self.magic
    bytes += [1, dtype.rawValue, transform.rawValue, UInt8(width)]
    bytes += littleEndianBytes(UInt16(shape.count)) + [0, 0]
    bytes += littleEndianBytes(UInt32(wordsPerBlock)) + littleEndianBytes(UInt32(blocks.count))
    bytes += littleEndianBytes(UInt64(byteCount)) + littleEndianBytes(rawCRC) + littleEndianBytes(baseCRC)
    for dimension in shape { bytes += littleEndianBytes(UInt64(dimension)) }
    for block in blocks {
      for plane in block.planes {
        bytes += littleEndianBytes(UInt32(plane.count) | (plane.isDeflated ? 1 << 31 : 0))
      }
      bytes += littleEndianBytes(block.crc)
    }
    return bytes + littleEndianBytes(bytes.withUnsafeBytes { crc32($0) })
  }
}

/// Why a blob cannot be read.
struct BlobError: Error, Equatable {
  var reason: String
  init(_ reason: String) { self.reason = reason }
}

extension BlobHeader {
  /// True if bytes are meant as a blob's magic: equal, or one flipped bit away from it.
  static func looksLikeMagic(_ bytes: [UInt8]) -> Bool {
    bytes.count >= 8 && zip(bytes, magic).reduce(0) { $0 + ($1.0 ^ $1.1).nonzeroBitCount } <= 1
  }

  /// Parses a header and checks that it accounts for every byte of the blob.
  ///
  /// - Parameters:
  ///   - length: Bytes of the blob.
  ///   - read: Returns bytes of the blob; only ranges within it are asked for.
  /// - Throws: `BlobError`, or what `read` throws.
  init(length: Int, read: (_ offset: Int, _ count: Int) throws -> [UInt8]) throws {
    guard length >= Self.fixedSize + 4 else { throw BlobError("compressed data are truncated") }
    let fixed = ByteFields(try read(0, Self.fixedSize))
    guard Array(fixed.bytes[..<8]) == Self.magic else {
      throw BlobError("compressed data are damaged: magic number")
    }
    let rank = Int(fixed.u16(12))
    let width = Int(fixed.bytes[11])
    let blockCount = Int(fixed.u32(20))
    // Sizes first, so that the checksum can be checked before anything else is believed.
    guard [1, 2, 4, 8].contains(width), blockCount <= length / (4 * (width + 1)) else {
      throw BlobError("compressed data are damaged: header")
    }
    let count = Self.encodedCount(rank: rank, blocks: blockCount, width: width)
    guard count <= length else { throw BlobError("compressed data are truncated") }
    let fields = ByteFields(try read(0, count))
    guard
      fields.bytes.withUnsafeBytes({ crc32(.init(rebasing: $0[..<(count - 4)])) }) == fields.u32(count - 4)
    else {
      throw BlobError("compressed data are damaged: header checksum")
    }
    guard fields.bytes[8] == 1 else {
      throw BlobError("compressed data have version \(fields.bytes[8]), not 1")
    }
    guard let dtype = DType(rawValue: fields.bytes[9]), let transform = Transform(rawValue: fields.bytes[10]),
      fields.u16(14) == 0
    else { throw BlobError("compressed data have an unknown element type or transform") }

    let shape = (0..<rank).compactMap { Int(exactly: fields.u64(Self.fixedSize + 8 * $0)) }
    let bytes = shape.count == rank ? checkedBitCount(dtype, shape) : nil
    guard let bits = bytes, bits % 8 == 0, bits / 8 % width == 0, fields.u64(24) == UInt64(bits / 8) else {
      throw BlobError("compressed data have an impossible shape")
    }
    let words = Int(fields.u32(16))
    let total = bits / 8 / width
    guard words > 0, words * width <= 1 << 24, blockCount == (total + words - 1) / words,
      transform != .none || width == 1
    else { throw BlobError("compressed data have impossible blocks") }

    var blocks: [Block] = []
    blocks.reserveCapacity(blockCount)
    var at = Self.fixedSize + 8 * rank
    var stored = count
    for index in 0..<blockCount {
      let blockWords = min(words, total - index * words)
      var planes: [Plane] = []
      for plane in 0..<width {
        let entry = fields.u32(at + 4 * plane)
        let plane = Plane(isDeflated: entry >> 31 == 1, count: Int(entry & 0x7FFF_FFFF))
        // Deflate packs at most 1032 bytes into one, so that what a header claims is bounded by the file.
        guard plane.isDeflated ? blockWords / 1032 <= plane.count : plane.count == blockWords else {
          throw BlobError("compressed data have an impossible block table")
        }
        planes.append(plane)
        stored += plane.count
      }
      blocks.append(Block(planes: planes, crc: fields.u32(at + 4 * width)))
      at += 4 * (width + 1)
    }
    self.init(
      dtype: dtype, shape: shape, transform: transform, width: width, wordsPerBlock: words,
      rawCRC: fields.u32(32), baseCRC: fields.u32(36), blocks: blocks)
    guard stored + paddingCount == length else {
      throw BlobError("compressed data have another length than they say")
    }
  }
}
