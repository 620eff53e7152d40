import Testing

@testable import Checkpoint

@Suite struct RangeChecksumTests {
  private static let bytes = (0..<100).map { UInt8(truncatingIfNeeded: $0 * 37) }

  private func crc(_ range: Range<Int>) -> UInt32 { Self.bytes[range].withUnsafeBytes { crc32($0) } }

  private func sum(_ ranges: [Range<Int>]) -> RangeChecksum {
    var sum = RangeChecksum(length: Self.bytes.count)
    for range in ranges { sum.add(range, crc(range)) }
    return sum
  }

  @Test func partsInAnyOrderGiveTheChecksumOfTheWhole() {
    let cuts = [0, 1, 7, 40, 41, 99, 100]
    let parts = zip(cuts, cuts.dropFirst()).map { $0..<$1 }
    for rotation in parts.indices {
      let order = Array(parts[rotation...] + parts[..<rotation])
      #expect(sum(order).whole == crc(0..<100))
      #expect(sum(order.reversed()).whole == crc(0..<100))
      #expect(sum(Array(order.dropLast())).whole == nil)
    }
    #expect(sum([0..<100]).whole == crc(0..<100))
  }

  @Test func samplesThatAreReadAgainDoNotMatter() {
    #expect(sum([90..<100, 0..<50, 50..<100]).whole == crc(0..<100))
    #expect(sum([0..<80, 0..<50, 80..<100]).whole == crc(0..<100))
    #expect(sum([0..<100, 20..<30]).whole == crc(0..<100))
    #expect(sum([10..<20, 40..<50, 0..<100]).whole == crc(0..<100))
  }

  @Test func overlappingPartsAreTangled() {
    for ranges in [[0..<60, 50..<100], [50..<100, 0..<60], [10..<20, 30..<40, 15..<35]] {
      #expect(sum(ranges).isTangled)
      #expect(sum(ranges).whole == nil)
    }
  }
}
