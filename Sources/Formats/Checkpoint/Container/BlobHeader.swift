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
  var wordCount: Int { byteCount / width }

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
