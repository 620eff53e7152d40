import CCrypto
import Checkpoint
import Platform

/// The CRC-32 of a checkpoint's files, concatenated in order.
struct SourceDigest {
  private let member: SeriesMember
  private var files: [FileDigest]
  /// Pieces of files whose tensors have no place of their own, noted as they are read; by the place of the file.
  private var observed: [Int: ObservedPieces] = [:]
  private let lengths: [Int]
  /// Digest of a stream, computed as it is read.
  private let stream: StreamDigest?

  private final class StreamDigest: Sendable {
    let checksum = Guarded<UInt32>(0)
    func add(_ bytes: UnsafeRawBufferPointer) {
      let part = crc32(bytes)
      let count = bytes.count
      checksum.withLock {
        $0 = combineCRC($0, part, count)
      }
    }
  }

  /// - Parameter observesStream: True to compute the digest of a stream, of which nothing may have been read
  ///   yet.
  init(_ member: SeriesMember, observesStream: Bool = false) {
    self.member = member
    files = member.source.files.map(FileDigest.init)
    lengths = member.source.files.map(\.length)
    if observesStream {
      for (index, file) in member.source.files.enumerated() {
        guard let observer = (file as? InputFile)?.observer else { continue }
        let pieces = ObservedPieces()
        observer.set { pieces.add($0, $1) }
        observed[index] = pieces
      }
    }
    if observesStream, let live = member.liveStream {
      let digest = StreamDigest()
      live.observe { digest.add($0) }
      stream = digest
    } else {
      stream = nil
    }
  }

  /// Counts bytes read by a pass, if they are stored as they were read.
  mutating func add(_ read: PassWorker.Read) {
    guard let place = member.source.placement(of: read.tensor) else { return }
    let start = place.offset + read.offset
    files[place.file].add(start..<start + read.count, read.checksum)
  }

  /// The checksum in hexadecimal; reads the bytes that were not counted.
  mutating func finish() throws -> String {
    if let stream { return hexadecimal(stream.checksum.withLock { $0 }) }
    var checksum: UInt32 = 0
    for index in files.indices {
      if let pieces = observed[index] {
        (member.source.files[index] as? InputFile)?.observer?.set(nil)
        for (range, part) in pieces.all { files[index].add(range, part) }
      }
      checksum = combineCRC(checksum, try files[index].finish(), lengths[index])
    }
    return hexadecimal(checksum)
  }

}

/// Checksums of parts of a file that come in any order, joined where they meet, so that they stay few.
final class ObservedPieces: Sendable {
  private struct Pieces {
    /// Checksum and beginning of a piece by its end, and ends by beginnings.
    var byEnd: [Int: (start: Int, checksum: UInt32)] = [:]
    var ends: [Int: Int] = [:]
    /// Pieces that begin or end where another one does: bytes that were read twice.
    var others: [(range: Range<Int>, checksum: UInt32)] = []
  }

  private let pieces = Mutex(Pieces())

  /// Notes bytes that were read.
  func add(_ offset: Int, _ bytes: UnsafeRawBufferPointer) {
    if bytes.isEmpty { return }
    let part = crc32(bytes)
    let range = offset..<offset + bytes.count
    pieces.withLock { pieces in
      guard pieces.ends[range.lowerBound] == nil, pieces.byEnd[range.upperBound] == nil else {
        pieces.others.append((range, part))
        return
      }
      var (start, end, checksum) = (range.lowerBound, range.upperBound, part)
      if let before = pieces.byEnd.removeValue(forKey: start) {
        pieces.ends[before.start] = nil
        checksum = combineCRC(before.checksum, checksum, range.count)
        start = before.start
      }
      if let after = pieces.ends.removeValue(forKey: end), let piece = pieces.byEnd.removeValue(forKey: after)
      {
        checksum = combineCRC(checksum, piece.checksum, after - end)
        end = after
      }
      pieces.byEnd[end] = (start, checksum)
      pieces.ends[start] = end
    }
  }

  /// The pieces, which may overlap.
  var all: [(range: Range<Int>, checksum: UInt32)] {
    pieces.withLock { pieces in
      pieces.byEnd.map { ($1.start..<$0, $1.checksum) } + pieces.others
    }
  }
}

extension SeriesMember {
  /// CRC-32 of the checkpoint's files, in hexadecimal; reads all of them.
  public func digest() throws -> String {
    var digest = SourceDigest(self)
    return try digest.finish()
  }
}

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

extension Series {
  /// SHA-256 of every checkpoint's files, concatenated in order, in hexadecimal; reads all of them.
  ///
  /// - Parameters:
  ///   - pool: Its threads read one checkpoint each.
  ///   - progress: Called with the number of bytes just read, by one thread at a time.
  public func sha256(pool: ThreadPool, progress: @escaping (Int) -> Void = { _ in }) throws -> [String] {
    let lock = Condition()
    var results = [String](repeating: "", count: members.count)
    try pool.forEach(members.count) { (index, _) throws in
      var digest = SHA256()
      let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 18, alignment: 64)
      defer { buffer.deallocate() }
      for file in members[index].source.files {
        for start in stride(from: 0, to: file.length, by: buffer.count) {
          let part = UnsafeMutableRawBufferPointer(
            rebasing: buffer[..<min(buffer.count, file.length - start)])
          try file.read(at: start, into: part)
          digest.update(UnsafeRawBufferPointer(part))
        }
      }
      let text = digest.finish()
      lock.withLock {
        results[index] = text
        progress(members[index].byteCount)
      }
    }
    return results
  }
}

/// An incremental SHA-256 by OpenSSL's libcrypto, which uses the processor's instructions for it.
struct SHA256: ~Copyable {
  private let context: OpaquePointer

  init() {
    guard let context = EVP_MD_CTX_new(), EVP_DigestInit_ex(context, EVP_sha256(), nil) == 1 else {
      preconditionFailure("libcrypto has no SHA-256")
    }
    self.context = context
  }

  deinit { EVP_MD_CTX_free(context) }

  mutating func update(_ bytes: UnsafeRawBufferPointer) {
    EVP_DigestUpdate(context, bytes.baseAddress, bytes.count)
  }

  /// The digest in hexadecimal.
  consuming func finish() -> String {
    var bytes = [UInt8](repeating: 0, count: 32)
    EVP_DigestFinal_ex(context, &bytes, nil)
    return bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
  }
}
