/// The checksum of a record whose parts are read in any order, by several threads, each once.
///
/// Parts that have come are kept as disjoint ranges with their checksums and joined where they meet, so that nothing is read
/// twice for the sake of the checksum.
struct RangeChecksum {
  private let length: Int
  /// Disjoint and ascending, never touching.
  private var parts: [(range: Range<Int>, crc: UInt32)] = []
  /// True if a part overlapped others, so that only another read of the whole gives the checksum.
  private(set) var isTangled = false

  /// - Parameter length: Bytes of the record.
  init(length: Int) { self.length = length }

  /// The checksum of the whole, once all of it has come.
  var whole: UInt32? {
    guard let first = parts.first, parts.count == 1, first.range == 0..<length else { return nil }
    return first.crc
  }

  /// Takes a part that has been read.
  mutating func add(_ range: Range<Int>, _ crc: UInt32) {
    if range.isEmpty || isTangled { return }
    // What this part holds entirely, such as a sample that was read before, is of no use any more.
    parts.removeAll { range.lowerBound <= $0.range.lowerBound && $0.range.upperBound <= range.upperBound }
    var at = parts.firstIndex { $0.range.lowerBound >= range.lowerBound } ?? parts.count
    if at > 0, parts[at - 1].range.upperBound > range.lowerBound {
      // Known already, or known in part.
      isTangled = parts[at - 1].range.upperBound < range.upperBound
      return
    }
    // Longer than this part, or it would be gone: known already.
    if at < parts.count, parts[at].range.lowerBound == range.lowerBound { return }
    guard at == parts.count || parts[at].range.lowerBound >= range.upperBound else {
      isTangled = true
      return
    }
    parts.insert((range, crc), at: at)
    if at + 1 < parts.count, parts[at + 1].range.lowerBound == parts[at].range.upperBound {
      join(at)
    }
    if at > 0, parts[at - 1].range.upperBound == parts[at].range.lowerBound {
      at -= 1
      join(at)
    }
  }

  private mutating func join(_ index: Int) {
    let next = parts.remove(at: index + 1)
    parts[index].crc = combineCRC(parts[index].crc, next.crc, next.range.count)
    parts[index].range = parts[index].range.lowerBound..<next.range.upperBound
  }
}
