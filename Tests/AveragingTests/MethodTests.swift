import Foundation
import Testing

@testable import Averaging

@Suite struct MethodTests {
  private func weights(_ method: any AveragingMethod, _ count: Int) throws -> [Double] {
    let timeline = try Timeline(names: (0..<count).map { "\($0)" })
    guard case .linear(let linear) = try method.combination(of: timeline) else {
      Issue.record("not linear")
      return []
    }
    return linear.weights
  }

  @Test func meanWeightsAreEqual() throws {
    #expect(try weights(Mean(), 4) == [0.25, 0.25, 0.25, 0.25])
  }

  @Test func emaWeightsAreGeometric() throws {
    let ema = try ExponentialMovingAverage(decay: 0.5)
    #expect(try weights(ema, 4) == [0.125, 0.125, 0.25, 0.5])
    #expect(try weights(ema, 1) == [1])
  }

  /// The effective sample size of EMA 0.9 over ten checkpoints is 5.13, of the mean 10.
  @Test func effectiveSampleSize() throws {
    let timeline = try Timeline(names: (0..<10).map { "\($0)" })
    func size(_ method: any AveragingMethod) throws -> Double {
      guard case .linear(let linear) = try method.combination(of: timeline) else { return 0 }
      return linear.effectiveSampleSize
    }
    #expect(abs(try size(ExponentialMovingAverage()) - 5.13) < 0.005)
    #expect(abs(try size(Mean()) - 10) < 1e-12)
    #expect(abs(try size(ExponentialMovingAverage(decay: 0.9999)) - 1.00) < 0.005)
  }

  @Test func wrongParametersAreRefused() {
    for value in [-0.1, 1.1] {
      expect(.parameterOutOfRange("decay", value: value, range: "a number from 0 to 1")) {
        _ = try ExponentialMovingAverage(decay: value)
      }
    }
    #expect(throws: AveragingError.self) { _ = try ExponentialMovingAverage(decay: .nan) }
    expect(.parameterOutOfRange("half-life", value: 0, range: "a number above 0")) {
      _ = try ExponentialMovingAverage.decay(halfLife: 0)
    }
    expect(.parameterOutOfRange("weight", value: .infinity, range: "finite numbers")) {
      _ = try WeightedSum(weights: [1, .infinity])
    }
    expect(.parameterOutOfRange("count", value: 1.5, range: "whole numbers from 1")) {
      _ = try Mean(counts: [1.5])
    }
    let error = AveragingError.parameterOutOfRange("decay", value: 2, range: "a number from 0 to 1")
    #expect(error.description == "decay: expected a number from 0 to 1, found 2")
  }

  @Test func emptySeries() { expect(.emptySeries) { _ = try Timeline(names: []) } }

  private func weights(_ method: any AveragingMethod, steps: [Double]) throws -> [Double] {
    let timeline = try Timeline(names: steps.map { "\($0)" }, steps: steps)
    guard case .linear(let linear) = try method.combination(of: timeline) else { return [] }
    return linear.weights
  }

  private func isClose(_ a: [Double], _ b: [Double], _ tolerance: Double = 1e-14) -> Bool {
    a.count == b.count && zip(a, b).allSatisfy { abs($0 - $1) <= tolerance }
  }

  /// Half a weight per 10 steps: distances 10 and 20 keep 1/2 and 1/4.
  @Test func decayFollowsTheSteps() throws {
    let expected = [0.125, 0.125, 0.75]
    let byHalfLife = try ExponentialMovingAverage(decay: ExponentialMovingAverage.decay(halfLife: 10))
    #expect(isClose(try weights(byHalfLife, steps: [10, 20, 40]), expected))
    let byInterval = try ExponentialMovingAverage(decay: 0.5, interval: 10)
    #expect(isClose(try weights(byInterval, steps: [10, 20, 40]), expected))
    #expect(byInterval.needsSteps)
    expect(.stepsMissing(method: "ema")) { _ = try weights(byInterval, 3) }
    expect(.stepsNotIncreasing(file: "20.0", step: 20, previous: 20)) {
      _ = try weights(byInterval, steps: [10, 20, 20])
    }
    // Without steps a half-life counts checkpoints.
    #expect(
      isClose(
        try weights(ExponentialMovingAverage(decay: ExponentialMovingAverage.decay(halfLife: 1)), 3),
        [0.25, 0.25, 0.5]))
  }

  /// Zero start with d = 1/2: 1/8, 1/4, 1/2 over 7/8.
  @Test func debiasedAverageStartsAtZero() throws {
    let ema = try ExponentialMovingAverage(decay: 0.5, isDebiased: true)
    #expect(isClose(try weights(ema, 3), [1.0 / 7, 2.0 / 7, 4.0 / 7]))
    expect(.weightsCancel) {
      _ = try weights(ExponentialMovingAverage(decay: 1, isDebiased: true), 3)
    }
  }

  /// With steps the first checkpoint stands for the mean distance: 1 - d^1000 of what d^4000 leaves, after d^3000.
  @Test func debiasedAverageBySteps() throws {
    let ema = try ExponentialMovingAverage(decay: 0.9995, isDebiased: true)
    let found = try weights(ema, steps: [1000, 2000, 3000, 4000])
    let d: Double = pow(Double(0.9995), Double(1000))
    let added = [d * d * d, d * d, d, 1].map { (1 - d) * $0 }
    let sum = added.reduce(0, +)
    #expect(isClose(found, added.map { $0 / sum }, 1e-12))
    #expect(abs(found[0] - 0.1015) < 5e-5)
    // Where training began does not matter.
    #expect(isClose(try weights(ema, steps: [91_000, 92_000, 93_000, 94_000]), found, 1e-12))
    let timeline = try Timeline(names: ["a"], steps: [1000])
    #expect(!ema.isContinuable(over: timeline))
    #expect(try ema.isContinuable(over: Timeline(names: ["a"])))
  }

  /// timm's ModelEmaV3 updated at every step by a model that changes at the steps of the checkpoints alone.
  @Test(
    arguments: [[100.0, 250, 1000], [3, 7, 8], [10_000, 20_000, 90_000, 250_000], [20, 60]], [1.0, 10])
  func warmupBySteps(steps: [Double], interval: Double) throws {
    let ema = try ExponentialMovingAverage(decay: 0.9999, interval: interval, warmup: .init())
    var expected: [Double] = [1]
    for (from, to) in zip(steps, steps.dropFirst()) {
      var kept = 1.0
      // Steps in between count in proportion.
      for step in Int(from) + 1...Int(to) {
        let update = ((Double(step) - 0.5) / interval).rounded(.up)
        let decay: Double = min(1 - pow(update, -2.0 / 3), 0.9999)
        kept *= pow(decay, 1 / interval)
      }
      expected = expected.map { $0 * kept } + [1 - kept]
    }
    #expect(isClose(try weights(ema, steps: steps), expected, 1e-9))
  }

  /// A warm-up without an end is no loop without one.
  @Test func warmupOverHugeSteps() throws {
    let ema = try ExponentialMovingAverage(decay: 1, warmup: .init(power: 0.5))
    // ∫ s^-½ ds from 10¹² over 10⁶ steps is 1.
    #expect(isClose(try weights(ema, steps: [1e12, 1e12 + 1e6]), [exp(-1), 1 - exp(-1)], 1e-5))
    #expect(try weights(ema, steps: [1e12, 1e15]) == [0, 1])
  }

  /// timm's decays at the first three updates are 0, 0.3700 and 0.5193; ten checkpoints give the first 1.75 %.
  @Test func warmUpFollowsItsFormula() throws {
    let ema = try ExponentialMovingAverage(warmup: .init())
    #expect(isClose(try weights(ema, 3), [0.3700 * 0.5193, 0.63 * 0.5193, 0.4807], 1e-4))
    #expect(abs(try weights(ema, 10)[0] - 0.0175) < 5e-5)
    // With power 1 it is the mean until the cap is reached.
    let linear = try ExponentialMovingAverage(warmup: .init(power: 1))
    #expect(isClose(try weights(linear, 4), [0.25, 0.25, 0.25, 0.25]))
  }

  /// d = 0.9·tanh(0, 1, 2, …): ten checkpoints give the first 28.3 %.
  @Test func tanhCountsCheckpoints() throws {
    #expect(abs(try weights(TanhMovingAverage(), 10)[0] - 0.283) < 5e-4)
    let two = try weights(TanhMovingAverage(alpha: 0.5), 2)
    #expect(isClose(two, [0.5 * 0.7615941559557649, 1 - 0.5 * 0.7615941559557649], 1e-15))
  }

  /// σ → γ as EDM2's own `std_to_exp` gives it.
  @Test(arguments: [
    (0.01, 96.995), (0.05, 16.972), (0.10, 6.937), (0.15, 3.558), (0.20, 1.826), (0.25, 0.720), (0.28, 0.169),
  ])
  func widthAndExponent(sigma: Double, gamma: Double) {
    let found = PowerProfile.gamma(sigma: sigma)
    #expect(abs(found - gamma) < 6e-4)
    // The width of a profile with this exponent.
    let width = ((found + 1) / ((found + 2) * (found + 2) * (found + 3))).squareRoot()
    #expect(abs(width - sigma) < 1e-13)
  }

  /// γ = 1 and steps 1, 2, 4: (1/16, 4/16 - 1/16, 1 - 4/16).
  @Test func powerWeightsAreDifferencesOfPowers() throws {
    let power = try PowerMovingAverage(.gamma(1))
    #expect(isClose(try weights(power, steps: [1, 2, 4]), [1.0 / 16, 3.0 / 16, 12.0 / 16]))
    expect(.stepNotPositive(file: "0.0", step: 0)) { _ = try weights(power, steps: [0, 1]) }
    expect(.parameterOutOfRange("sigma", value: 0.3, range: "a number above 0 and below 0.2886")) {
      _ = try PowerMovingAverage(.sigma(0.3))
    }
  }

  @Test func posthocFindsASnapshotAgain() throws {
    let method = try PosthocMovingAverage(
      .sigma(0.1), sourceSigmas: [0.05, 0.05, 0.1, 0.1])
    #expect(isClose(try weights(method, steps: [50, 100, 50, 100]), [0, 0, 0, 1], 1e-9))
  }

  @Test func posthocUsesNothingBehindTheTarget() throws {
    let method = try PosthocMovingAverage(
      .sigma(0.12), sourceSigmas: [0.1], targetStep: 60)
    let found = try weights(method, steps: [30, 60, 90])
    #expect(found[2] == 0)
    #expect(abs(found.reduce(0, +) - 1) < 1e-12)
    expect(.snapshotsDependent) { _ = try weights(method, steps: [70, 80]) }
    expect(.snapshotsDependent) { _ = try weights(method, steps: [30, 30]) }
  }

  @Test func givenWeights() throws {
    func method(_ values: [Double], unnormalized: Bool = false) throws -> WeightedSum {
      try WeightedSum(weights: values, isNormalized: !unnormalized)
    }
    #expect(try weights(method([1, 0, 3]), 3) == [0.25, 0, 0.75])
    #expect(try weights(method([2, -1]), 2) == [2, -1])
    #expect(try weights(method([1, -1], unnormalized: true), 2) == [1, -1])
    expect(.weightsCancel) { _ = try weights(method([1, -1]), 2) }
    expect(.allWeightsZero) { _ = try weights(method([0, 0], unnormalized: true), 2) }
    expect(.countMismatch("weights", expected: 3, found: 2)) { _ = try weights(method([1, 1]), 3) }
  }

  /// The decrements of the curve over five checkpoints, to the digits that the literature prints.
  @Test func schedulesGiveThePublishedWeights() throws {
    let root = try weights(MergingSchedule(.inverseSquareRoot), 5)
    #expect(isClose(root, [0.447, 0.185, 0.142, 0.120, 0.106], 5e-4))
    #expect(isClose(try weights(MergingSchedule(.linear), 5), [0.2, 0.2, 0.2, 0.2, 0.2]))
    #expect(isClose(try weights(MergingSchedule(.cosine), 2), [0.5, 0.5]))
    #expect(isClose(try weights(MergingSchedule(.cosine), 3), [0.25, 0.5, 0.25]))
    for curve in MergingSchedule.Curve.allCases {
      #expect(isClose(try weights(MergingSchedule(curve), 1), [1]))
    }
  }
}
