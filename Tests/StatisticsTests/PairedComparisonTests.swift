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

  /// A true loss of three points on 450 images, a tenth of which differ: without a margin it passes about every second
  /// time, with a margin of two points hardly ever; no loss at all passes that gate on 5000 images almost always.
  @Test func aMarginMakesAGate() {
    func passed(_ difference: Double, images: Int, margin: Double?) -> Int {
      (0..<400).count { repetition in
        var generator = SeededGenerator(seed: UInt64(repetition), for: "gate")
        var (gained, lost) = (0, 0)
        for _ in 0..<images {
          let draw = generator.uniform()
          if draw < (0.1 + difference) / 2 { gained += 1 } else if draw < 0.1 { lost += 1 }
        }
        return PairedComparison(firstOnly: gained, secondOnly: lost, imageCount: images)
          .isNotWorse(margin: margin)
      }
    }
    #expect((160...260).contains(passed(-0.03, images: 450, margin: nil)))
    // At most 2.5 % of 400, and two standard errors.
    #expect(passed(-0.02, images: 450, margin: 0.02) <= 16)
    #expect(passed(0, images: 5000, margin: 0.02) >= 390)
  }

  @Test func gainsMustExceedTheirMargin() {
    let comparison = Self.make(both: 60, gained: 20, lost: 8, neither: 10)
    #expect(comparison.isBetter() && comparison.isBetter(margin: 0.017))
    #expect(!comparison.isBetter(margin: 0.018) && comparison.isNotWorse(margin: 0))
  }
}
