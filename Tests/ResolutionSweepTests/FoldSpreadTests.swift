import Statistics
import Testing

@testable import ResolutionSweep

/// Coverage of intervals of scores from folds, in repetitions with settings that are all equally good.
@Suite struct FoldSpreadTests {
  private let images = 300
  private let truth = 0.75

  /// Settings that are each right on an image with the same chance, and agree more often than chance.
  private func draw(_ settings: Int, _ generator: inout SeededGenerator) -> ScoreMatrix {
    var values: [Double] = []
    for _ in 0..<images {
      let common = generator.uniform() < truth
      for _ in 0..<settings {
        let own = generator.uniform() < 0.3 ? generator.uniform() < truth : common
        values.append(own ? 1 : 0)
      }
    }
    return ScoreMatrix(values: values, settingCount: settings)
  }

  @Test func intervalsOfFoldsHold() throws {
    let rule = SelectionRule(preference: .accuracy, replicates: 1)
    let costs = [Double](repeating: 0, count: 20)
    let repetitions = 300
    var plain = (score: 0, gain: 0)
    var widened = plain
    var claims = (plain: 0, widened: 0)
    for repetition in 0..<repetitions {
      var generator = SeededGenerator(seed: UInt64(repetition))
      let scores = draw(20, &generator)
      let selection = try Selection(
        scores, costs: costs, method: .folds(5), isShuffled: true, rule: rule, seed: UInt64(repetition))
      let spread = FoldSpread(
        scores, folds: 5, costs: costs, reference: 0, replicates: 400, seed: UInt64(repetition))
      let own = (0..<images).map { scores[$0, selection.scoredSetting[$0]] == 1 }
      let share = Proportion(successes: own.count { $0 }, count: images)
      let gain = PairedComparison(own, (0..<images).map { scores[$0, 0] == 1 })
      plain.score += share.wilsonInterval().contains(truth) ? 1 : 0
      widened.score += share.wilsonInterval(z: 1.96 * spread.score).contains(truth) ? 1 : 0
      plain.gain += gain.interval.contains(0) ? 1 : 0
      widened.gain += gain.interval(widening: spread.difference).contains(0) ? 1 : 0
      claims.plain += gain.interval.lowerBound > 0 ? 1 : 0
      claims.widened += gain.interval(widening: spread.difference).lowerBound > 0 ? 1 : 0
    }
    // Of 300, with two standard errors of the counting: 278 of 95 %, 13 of 2.5 %.
    #expect(plain.gain < 278, "\(plain)")
    #expect(widened.score >= 278 && widened.gain >= 278, "\(widened)")
    #expect(claims.widened <= 13 && claims.widened <= claims.plain, "\(claims)")
  }

  @Test func oneSettingNeedsLittle() {
    var generator = SeededGenerator(seed: 1)
    let spread = FoldSpread(draw(1, &generator), folds: 4, costs: [0], reference: 0, seed: 0)
    #expect(spread.score < 1.1 && spread.difference == 1)
  }

  @Test func settingsThatAgreeNeedNone() {
    let equal = ScoreMatrix(columns: [[1, 1, 1, 1], [1, 1, 1, 1]])
    #expect(FoldSpread(equal, folds: 2, costs: [0, 1], reference: 0, seed: 0) == .none)
  }
}
