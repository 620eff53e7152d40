import Foundation
import Testing

@testable import Evaluation
@testable import ResolutionSweep
@testable import Statistics

@Suite struct OutcomeTests {
  @Test func crossEntropyRankAndConfidence() {
    // Probabilities 1/7, 4/7, 2/7.
    let outcome = Outcome(logits: [0, log(4), log(2)], label: 2)
    #expect(outcome.predicted == 1)
    #expect(outcome.rank == 1)
    #expect(abs(outcome.loss - log(3.5)) < 1e-14)
    #expect(abs(outcome.confidence - 4.0 / 7) < 1e-14)
    // (1/7)² + (4/7)² + (5/7)².
    #expect(abs(outcome.brierScore - 42.0 / 49) < 1e-14)
  }

  @Test func largeLogitsDoNotOverflow() {
    let outcome = Outcome(logits: [10_000, 9_999, -10_000], label: 1)
    #expect(abs(outcome.loss - (1 + log(1 + exp(-1.0)))) < 1e-12)
    #expect(abs(outcome.confidence - 1 / (1 + exp(-1.0))) < 1e-12)
  }

  @Test func equalLogitsGoToTheEarlierClass() {
    #expect(Outcome(logits: [1, 1, 1], label: 0).rank == 0)
    #expect(Outcome(logits: [1, 1, 1], label: 2).rank == 2)
    #expect(Outcome(logits: [1, 1, 1], label: 2).predicted == 0)
  }

  @Test func ensemblesAverageProbabilities() {
    // (1/4, 3/4) and (1/2, 1/2): mean (3/8, 5/8).
    let mean = logMeanProbability([[0, log(3)], [7, 7]])
    #expect(abs(exp(mean[0]) - 0.375) < 1e-14)
    #expect(abs(exp(mean[1]) - 0.625) < 1e-14)
    let extreme = logMeanProbability([[0, -2000], [0, -2000]])
    #expect(abs(extreme[1] + 2000) < 1e-9)
  }

  @Test func accuraciesAndLoss() {
    var outcomes = SettingOutcomes()
    for (rank, loss) in [(0, 0.5), (4, 2.0), (5, 3.5), (0, 0.0)] {
      outcomes.append(
        Outcome(
          predicted: 0, rank: rank, loss: loss, confidence: 0.5, label: rank == 0 ? 0 : 1, brierScore: 0))
    }
    #expect(outcomes.accuracy(top: 1) == Proportion(successes: 2, count: 4))
    #expect(outcomes.accuracy(top: 5) == Proportion(successes: 3, count: 4))
    #expect(outcomes.meanLoss == 1.5)
  }

  @Test func fewerThanFiveClassesAreAllAmongFive() {
    var outcomes = SettingOutcomes()
    for label in 0..<3 { outcomes.append(Outcome(logits: [0, 1, 2], label: label)) }
    #expect(outcomes.accuracy(top: 5).value == 1)
    #expect(abs(outcomes.accuracy(top: 1).value - 1.0 / 3) < 1e-15)
  }

  /// Ten predictions at confidence 0.9 of which six are right, ten at 0.3 of which five are: (3 + 2)/20.
  @Test func calibrationErrorOfTwoBins() {
    var outcomes = SettingOutcomes()
    for index in 0..<20 {
      let sure = index < 10
      let right = sure ? index < 6 : index < 15
      outcomes.append(
        Outcome(
          predicted: 0, rank: right ? 0 : 1, loss: 0, confidence: sure ? 0.9 : 0.3, label: right ? 0 : 1,
          brierScore: 0))
    }
    #expect(abs(outcomes.calibrationError - 0.25) < 1e-7)
    // Five bins of two images each and ten of one lie within one of the groups, and count with its accuracy.
    #expect(abs(outcomes.adaptiveCalibrationError - 0.25) < 1e-7)
  }

  /// Three images of classes 0, 0 and 1, of which the first and the last are right; by hand.
  @Test func scoresOfImagesHaveTheMetricsAsTheirMeans() {
    var outcomes = SettingOutcomes()
    for (label, predicted) in [(0, 0), (0, 1), (1, 1)] {
      outcomes.append(
        Outcome(
          predicted: predicted, rank: label == predicted ? 0 : 1, loss: 0, confidence: 1, label: label,
          brierScore: 0))
    }
    let tally = ClassTally(outcomes)
    #expect(tally.balancedAccuracy == 0.75)
    #expect(abs(tally.macroF1 - 2.0 / 3) < 1e-15)
    // 3/(2·2) for a right image of class 0, 3/(2·1) for one of class 1.
    #expect(Metric.balanced.scores(outcomes) == [0.75, 0, 1.5])
    let parts = Metric.macroF1.scores(outcomes)
    let mean = parts.reduce(0, +) / 3
    #expect(abs(mean - 2.0 / 3) < 1e-15)
    // The last image's: 2/3 + 2·3/(2·3)·(1 − 2/3).
    #expect(abs(parts[2] - 1) < 1e-15)
  }
}
