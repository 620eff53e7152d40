import Checkpoint
import NetworkExecution
import Platform
import Statistics
import TensorMath
import TestSupport
import Testing

@testable import FineTuning

@Suite struct TunableTailTests {
  static func open(needsBatchNorm: Bool) throws -> (source: any CheckpointSource, tail: TunableTail) {
    let source = try openCheckpoint(.path(Fixtures.path("run/epoch-104.safetensors")))
    let network = try Network(source, pool: ThreadPool(threads: 1))
    return (source, try TunableTail(network, checkpoint: source, needsBatchNorm: needsBatchNorm))
  }

  @Test func untunedParametersGiveTheSameBytes() throws {
    let (source, tail) = try Self.open(needsBatchNorm: true)
    let replaced = try tail.replacements(for: tail.start)
    let batchNorm = ["weight", "bias", "running_mean", "running_var", "num_batches_tracked"]
    #expect(
      Set(replaced.keys)
        == Set(
          ["fc.weight", "fc.bias"].map { TensorName($0) } + batchNorm.map { TensorName("layer4.1.bn2.\($0)") }
        ))
    for (name, value) in replaced { #expect(try source.value(name) == value, "\(name)") }
  }

  @Test func theClassifierAloneLeavesBatchNormOut() throws {
    let (_, tail) = try Self.open(needsBatchNorm: false)
    #expect(tail.start.batchNorm == nil && tail.activation == .identity)
    #expect(try Set(tail.replacements(for: tail.start).keys) == ["fc.weight", "fc.bias"])
  }

  @Test func aNewHeadHasItsShapeAndFollowsItsSeed() throws {
    let (_, tail) = try Self.open(needsBatchNorm: true)
    let head = tail.start.withNewHead(classes: 3, .kaiming, seed: 1)
    let replaced = try tail.replacements(for: head)
    #expect(replaced["fc.weight"]?.shape == [3, 72] && replaced["fc.bias"]?.shape == [3])
    let bound = 1 / Float(72).squareRoot()
    #expect(head.weight.allSatisfy { abs($0) <= bound } && Set(head.weight).count > 200)
    #expect(head == tail.start.withNewHead(classes: 3, .kaiming, seed: 1))
    #expect(head != tail.start.withNewHead(classes: 3, .kaiming, seed: 2))
    #expect(tail.start.withNewHead(classes: 3, .zero, seed: 1).weight.allSatisfy { $0 == 0 })
  }

  /// Maps through the tail's kernel and pooled features through the network's own layers give the same logits.
  @Test func mapsAndPooledFeaturesAgreeWithTheNetwork() throws {
    var generator = SeededGenerator(seed: 2)
    let images = Tensor(
      shape: [5, 48, 48, 3], values: (0..<5 * 48 * 48 * 3).map { _ in Float(generator.normal()) })
    for needsBatchNorm in [true, false] {
      let (source, tail) = try Self.open(needsBatchNorm: needsBatchNorm)
      let pool = ThreadPool(threads: 2)
      let expected = try Network(source, pool: pool).logits(images).values
      let collector = try FeatureCollector(tail, count: 5, pool: pool)
      try collector.add(images)
      let head = try Tail(tail.start, activation: tail.activation, capacity: 5, pool: pool)
      let rows = FeatureRows(maps: collector.finish(), rows: ArraySlice(0..<5))
      let scale = expected.map(abs).max()!
      for (a, b) in zip(head.forward(rows), expected) {
        #expect(abs(Float(a) - b) < 1e-5 * scale)
      }
    }
  }

  @Test func theFingerprintIsThatOfTheFrozenPart() throws {
    let (source, tail) = try Self.open(needsBatchNorm: true)
    let folder = try TemporaryFolder()
    func fingerprint(changing name: TensorName) throws -> String {
      let old = try source.value(name)
      let value = TensorValue(
        f32: Array(repeating: 0.5, count: old.elementCount), shape: old.shape)
      let path = folder.file("\(name.string).safetensors")
      try rewriteCheckpoint(source, replacing: [name: value], metadata: source.metadata, to: .path(path))
      let changed = try openCheckpoint(.path(path))
      let network = try Network(changed, pool: ThreadPool(threads: 1))
      return try TunableTail(network, checkpoint: changed, needsBatchNorm: true).backboneFingerprint()
        .hexadecimal
    }
    let own = try tail.backboneFingerprint().hexadecimal
    #expect(try fingerprint(changing: "fc.weight") == own)
    #expect(try fingerprint(changing: "layer4.1.bn2.weight") == own)
    #expect(try fingerprint(changing: "layer4.1.bn1.weight") != own)
    #expect(try Self.open(needsBatchNorm: false).tail.backboneFingerprint().hexadecimal != own)
  }
}

@Suite struct TuningErrorTests {
  static func samples(labels: [Int], count: Int, views: Int = 1) throws -> LabelledFeatures {
    let maps = try FeatureMaps(FeatureShape(count: count, positions: 1, channels: 1, hasResidual: false))
    for index in 0..<count { try maps.store(index, map: [index.isMultiple(of: 2) ? 1 : -1], residual: nil) }
    return LabelledFeatures(features: maps, views: views, labels: labels)
  }

  static let start = TailParameters(weight: [1, -1], bias: nil, batchNorm: nil, classes: 2, channels: 1)

  static func tuner(_ change: (inout TuningOptions) -> Void = { _ in }) throws -> ClassifierTuner {
    var options = TuningOptions()
    options.layers = .classifier
    options.batchNorm = .frozen
    change(&options)
    return try ClassifierTuner(options, activation: .identity, pool: ThreadPool(threads: 1))
  }

  @Test func labelsMustBeClasses() throws {
    for label in [2, -1] {
      #expect(throws: TuningError.labelOutOfRange(sample: 1, label: label, classes: 2)) {
        try Self.tuner().tune(Self.start, on: Self.samples(labels: [0, label], count: 2))
      }
    }
  }

  @Test func shapesMustBelongTogether() throws {
    #expect(throws: TuningError.self) {
      try Self.tuner().tune(Self.start, on: Self.samples(labels: [0], count: 2))
    }
    #expect(throws: TuningError.empty(what: "the training data")) {
      try Self.tuner().tune(Self.start, on: Self.samples(labels: [], count: 0))
    }
    let wide = TailParameters(weight: [1, 1, 1, 1], bias: nil, batchNorm: nil, classes: 2, channels: 2)
    #expect(throws: TuningError.shapeMismatch(what: "features per position", expected: [2], found: [1])) {
      try Self.tuner().tune(wide, on: Self.samples(labels: [0], count: 1))
    }
  }

  @Test func divergenceNamesEpochAndStep() throws {
    let tuner = try Self.tuner {
      $0.batchSize = 1
      $0.learningRate = 1e38
      $0.schedule = .constant
    }
    let error = #expect(throws: TuningError.self) {
      try tuner.tune(Self.start, on: Self.samples(labels: [1, 0, 1, 0], count: 4))
    }
    guard case .diverged(1, let step, _) = error else {
      Issue.record("\(String(describing: error))")
      return
    }
    #expect(step > 1)
    #expect(error?.description.contains("epoch 1, step \(step)") == true)
  }

  @Test func aBatchOfOneValueHasNoVariance() throws {
    var start = Self.start
    start.batchNorm = BatchNormParameters(
      gamma: [1], beta: [0], runningMean: [0], runningVar: [1], numBatchesTracked: nil, eps: 1e-5,
      momentum: 0.1)
    let tuner = try Self.tuner {
      $0.batchNorm = .batch
      $0.batchSize = 2
    }
    #expect(throws: TuningError.batchWithoutVariance(epoch: 1, step: 2)) {
      try tuner.tune(start, on: Self.samples(labels: [0, 1, 0], count: 3))
    }
  }

  @Test(
    arguments: [
      { $0.epochs = 0 }, { $0.batchSize = 0 }, { $0.learningRate = .nan }, { $0.momentum = 1 },
      { $0.weightDecay = -1 }, { $0.clipNorm = 0 }, { $0.patience = 0 }, { $0.warmUp.startFactor = 0 },
      { $0.schedule = .step(size: 0, gamma: 1) }, { $0.averaging = .ema(decay: 1, every: 1) },
      { $0.order = [[0]] },
      {
        $0.optimizer = .lbfgs
        $0.layers = .classifierAndBatchNorm
      },
    ] as [@Sendable (inout TuningOptions) -> Void])
  func optionsHaveRanges(_ change: @Sendable (inout TuningOptions) -> Void) {
    let error = #expect(throws: TuningError.self) { try Self.tuner(change) }
    guard case .invalidOption = error else {
      Issue.record("\(String(describing: error))")
      return
    }
  }

  /// Two views per image: the second is never measured, and both carry the image's label.
  @Test func theFirstViewIsMeasured() throws {
    let samples = try Self.samples(labels: [0, 0, 0], count: 6, views: 2)
    let (metrics, isCorrect) = try Self.tuner().measure(Self.start, on: samples)
    #expect(metrics.count == 3 && metrics.top1 == 1 && isCorrect == [true, true, true])
    let tuned = try Self.tuner { $0.learningRate = 1 }.tune(Self.start, on: samples)
    #expect(tuned != Self.start)
  }
}
