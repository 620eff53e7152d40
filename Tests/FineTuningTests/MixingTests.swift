import ImageData
import Platform
import TestSupport
import Testing

@testable import FineTuning

@Suite struct MixingTests {
  @Test func mixedFeaturesAreWeightedSums() throws {
    for element in FeatureElement.allCases {
      var shape = FeatureShape(count: 5, positions: 3, channels: 11, hasResidual: true, element: element)
      let source = try FeatureMaps(shape)
      for image in 0..<5 {
        // Small integers, which every element type holds exactly.
        let map = (0..<33).map { Float($0 * (image + 1) % 17) }
        try source.store(image, map: map, residual: map.map { -2 * $0 })
      }
      (shape.count, shape.element) = (4, .f32)
      let mixed = try FeatureMaps(shape)
      let rows: ArraySlice<Int> = [4, 0, 2][...]
      mixed.store(mixing: source, rows, weight: 0.75, pool: ThreadPool(threads: 2))
      let plain = try FeatureMaps(shape)
      for (index, (own, partner)) in [(4, 2), (0, 4), (2, 0)].enumerated() {
        let map = (0..<33).map { 0.75 * Float($0 * (own + 1) % 17) + 0.25 * Float($0 * (partner + 1) % 17) }
        try plain.store(index, map: map, residual: map.map { -2 * $0 })
      }
      #expect(FeatureCacheTests.bytes(mixed) == FeatureCacheTests.bytes(plain), "\(element)")
    }
  }

  @Test func aMixtureIsTheLossOnMixedTargets() {
    // For cross-entropy, by hand: two rows of equal logits have the loss ln 3 whatever the targets, their gradient is
    // 1/3 less the target.
    let batch = LossBatch(logits: [1, 1, 1, 4, 4, 4], classes: 3, labels: [0, 2])
    var gradient = [Double](repeating: .nan, count: 6)
    let value = CrossEntropy().evaluate(
      batch, mixture: LabelMixture(partners: [2, 0], weight: 0.7), gradient: &gradient)
    #expect(abs(value - 1.0986122886681098) < 1e-12)
    let expected = [1 / 3.0 - 0.7, 1 / 3.0, 1 / 3.0 - 0.3, 1 / 3.0 - 0.3, 1 / 3.0, 1 / 3.0 - 0.7].map {
      $0 / 2
    }
    for (found, target) in zip(gradient, expected) { #expect(abs(found - target) < 1e-12) }
  }

  /// Mixing follows from the step's number: a run that was interrupted goes on with the same mixtures.
  @Test func resumesWithTheSameMixtures() throws {
    let golden = try Golden()
    let samples = LabelledFeatures(
      features: try golden.maps(true), labels: try golden.integers("data.labels"))
    func run(_ change: (inout TuningOptions) -> Void, resuming state: TuningState? = nil) throws -> (
      tuned: TailParameters, states: [TuningState], losses: [Double]
    ) {
      var options = ResumeTests.options { $0.mixing = MixingPolicy(mixup: 0.8) }
      change(&options)
      let tuner = try ClassifierTuner(options, activation: .relu, pool: ThreadPool(threads: 2))
      var states: [TuningState] = []
      var losses: [Double] = []
      let tuned = try tuner.tune(golden.start(), on: samples, resuming: state) { record, state in
        states.append(try #require(state()))
        losses.append(record.train.loss)
      }
      return (tuned, states, losses)
    }
    let whole = try run { _ in }
    let resumed = try run({ _ in }, resuming: whole.states[2])
    #expect(resumed.tuned == whole.tuned && resumed.losses == Array(whole.losses.dropFirst(3)))
    let plain = try run { $0.mixing = MixingPolicy() }
    #expect(plain.losses != whole.losses)
    let other = try run { $0.seed = 1 }
    #expect(other.losses != whole.losses)
  }

  @Test func whatNeedsAllFeaturesIsRefusedOnAStream() throws {
    for change in [
      { (options: inout TuningOptions) in options.batchNorm = .recalibrate },
      {
        $0.optimizer = .lbfgs
        $0.layers = .classifier
        $0.batchNorm = .frozen
      },
    ] {
      let options = ResumeTests.options(change)
      #expect(throws: TuningError.self) { try options.validateForStream() }
    }
    let mixed = ResumeTests.options {
      $0.optimizer = .lbfgs
      $0.layers = .classifier
      $0.batchNorm = .frozen
      $0.mixing = MixingPolicy(mixup: 1)
    }
    #expect(throws: TuningError.self) {
      try ClassifierTuner(mixed, activation: .relu, pool: ThreadPool(threads: 1))
    }
  }
}
