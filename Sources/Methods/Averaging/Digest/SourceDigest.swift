import Checkpoint
import Synchronization

/// The CRC-32 of a checkpoint's files, concatenated in order.
struct SourceDigest {
  private let member: SeriesMember
  private var files: [FileDigest]
  private let lengths: [Int]
  /// Digest of a stream, computed as it is read.
  private let stream: StreamDigest?

  private final class StreamDigest: Sendable {
    let checksum = Mutex<UInt32>(0)
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
      checksum = combineCRC(checksum, try files[index].finish(), lengths[index])
    }
    return hexadecimal(checksum)
  }

}

extension SeriesMember {
  /// CRC-32 of the checkpoint's files, in hexadecimal; reads all of them.
  public func digest() throws -> String {
    var digest = SourceDigest(self)
    return try digest.finish()
  }
}
