import Testing

@testable import Statistics

@Suite struct PairedComparisonTests {
  static func make(both: Int, gained: Int, lost: Int, neither: Int) -> PairedComparison {
    func cells(_ values: [(Bool, Int)]) -> [Bool] { values.flatMap { Array(repeating: $0, count: $1) } }
    return PairedComparison(
      cells([(true, both), (true, gained), (false, lost), (false, neither)]),
      cells([(true, both), (false, gained), (true, lost), (false, neither)]))
  }

  /// Eight discordant pairs, one on the smaller side: 2·P(X ≤ 1) − P(X = 1) = (2·9 − 8)/256.
  @Test func midPOfSmallTable() {
    let comparison = Self.make(both: 1, gained: 7, lost: 1, neither: 12)
    #expect(abs(comparison.mcNemarMidP - 10.0 / 256) < 1e-12)
    #expect(abs(comparison.difference - 6.0 / 21) < 1e-15)
  }

  /// (gained − lost)/(n + 2) ± 1.96·√((gained + lost + 1)/(n + 2) − centre²)/√(n + 2), by hand.
  @Test func intervalByHand() {
    let interval = Self.make(both: 60, gained: 20, lost: 8, neither: 10).interval
    #expect(abs(interval.lowerBound - 0.01711) < 5e-5)
    #expect(abs(interval.upperBound - 0.22289) < 5e-5)
  }

  @Test func nothingChanged() {
    let same = Self.make(both: 30, gained: 0, lost: 0, neither: 20)
    #expect(same.difference == 0 && same.mcNemarMidP == 1)
    #expect(same.interval.lowerBound < 0 && same.interval.upperBound > 0)
  }
}
