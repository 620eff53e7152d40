import Checkpoint

/// Computes the CRC-32 of one file from the pieces that a pass reads anyway; the rest is read at the end.
struct FileDigest {
  private struct Piece {
    var range: Range<Int>
    var checksum: UInt32
  }

  private let file: any StoredFile
  private var pieces: [Piece] = []

  init(_ file: any StoredFile) { self.file = file }

  /// Counts bytes that were read; counting bytes twice does no harm.
  mutating func add(_ range: Range<Int>, _ checksum: UInt32) {
    if let last = pieces.last, last.range.upperBound == range.lowerBound {
      pieces[pieces.count - 1] = Piece(
        range: last.range.lowerBound..<range.upperBound,
        checksum: combineCRC(last.checksum, checksum, range.count))
    } else {
      pieces.append(Piece(range: range, checksum: checksum))
    }
  }

  /// The checksum of the whole file; reads the bytes that no piece covers.
  mutating func finish() throws -> UInt32 {
    pieces.sort { $0.range.lowerBound < $1.range.lowerBound }
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 18, alignment: 64)
    defer { buffer.deallocate() }
    var checksum: UInt32 = 0
    var position = 0
    for piece in pieces + [Piece(range: file.length..<file.length, checksum: 0)] {
      guard piece.range.lowerBound >= position else { continue }
      while position < piece.range.lowerBound {
        let count = min(buffer.count, piece.range.lowerBound - position)
        let chunk = UnsafeMutableRawBufferPointer(rebasing: buffer[..<count])
        try file.read(at: position, into: chunk)
        checksum = crc32(UnsafeRawBufferPointer(chunk), continuing: checksum)
        position += count
      }
      checksum = combineCRC(checksum, piece.checksum, piece.range.count)
      position = piece.range.upperBound
    }
    return checksum
  }
}
