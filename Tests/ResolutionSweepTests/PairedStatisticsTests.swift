import Testing

@testable import Evaluation
@testable import ResolutionSweep
@testable import Statistics

@Suite struct PairedStatisticsTests {
  @Test func midPOfTwelveDiscordantImages() {
    // 2·(1 + 12 + 66)/2¹² − 66/2¹², counted by hand.
    let pair = PairedComparison(firstOnly: 10, secondOnly: 2, imageCount: 500)
    #expect(abs(pair.mcNemarMidP - 92.0 / 4096) < 1e-14)
    #expect(pair.mcNemarMidP == PairedComparison(firstOnly: 2, secondOnly: 10, imageCount: 99).mcNemarMidP)
  }

  @Test func noDifferenceHasPOne() {
    #expect(PairedComparison(firstOnly: 0, secondOnly: 0, imageCount: 10).mcNemarMidP == 1)
    #expect(PairedComparison(firstOnly: 7, secondOnly: 7, imageCount: 20).mcNemarMidP == 1)
  }

  @Test func midPOfManyImagesDoesNotUnderflow() {
    // z = 2000/√200000 = 4.47: two-sided normal p 7.7e-6, which the exact test approaches.
    let p = PairedComparison(firstOnly: 101_000, secondOnly: 99_000, imageCount: 1_000_000).mcNemarMidP
    #expect(abs(p / 7.744e-6 - 1) < 0.01)
  }

  @Test func differenceAndErrorOfAPair() {
    let pair = PairedComparison([true, true, false, true], [true, false, true, false])
    #expect(pair == PairedComparison(firstOnly: 2, secondOnly: 1, imageCount: 4))
    #expect(pair.difference == 0.25)
    #expect(abs(pair.standardError - (3.0 - 0.25).squareRoot() / 4) < 1e-15)
  }

  @Test func wilsonIntervalOfEightInTen() {
    let interval = Proportion(successes: 8, count: 10).wilsonInterval()
    #expect(abs(interval.lowerBound - 0.442181) < 1e-6)
    #expect(abs(interval.upperBound - 0.964573) < 1e-6)
    #expect(Proportion(successes: 0, count: 0).wilsonInterval() == 0...1)
    #expect(Proportion(successes: 5, count: 5).wilsonInterval().upperBound == 1)
  }

  @Test(arguments: [
    (0.975, 1.959963984540054), (0.5, 0), (0.95, 1.6448536269514722), (1e-9, -5.997807015007774),
  ])
  func normalQuantiles(probability: Double, expected: Double) {
    #expect(abs(normalQuantile(probability) - expected) < 1e-9)
  }
}
