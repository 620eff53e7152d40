import Checkpoint

/// The CRC-32 of a checkpoint's files, in their order as if they were one.
struct SourceDigest {
  private let member: SeriesMember
  private var files: [FileDigest]
  private let lengths: [Int]

  init(_ member: SeriesMember) {
    self.member = member
    files = member.source.files.map(FileDigest.init)
    lengths = member.source.files.map(\.length)
  }

  /// Counts what a pass has read, if it is stored as it was read.
  mutating func add(_ read: PassWorker.Read) {
    guard let place = member.source.placement(of: member.storedName(read.tensor)) else { return }
    let start = place.offset + read.offset
    files[place.file].add(start..<start + read.count, read.checksum)
  }

  /// The checksum in hexadecimal; reads what was not counted.
  mutating func finish() throws -> String {
    var checksum: UInt32 = 0
    for index in files.indices {
      checksum = combineCRC(checksum, try files[index].finish(), lengths[index])
    }
    return hexadecimal(checksum)
  }

  /// The checksum of a checkpoint that no pass has read.
  static func of(_ member: SeriesMember) throws -> String {
    var digest = SourceDigest(member)
    return try digest.finish()
  }
}
