import Checkpoint
import Foundation
import NetworkExecution
import NetworkGraphs
import Platform
import Statistics
import TensorMath
import TestSupport
import Testing

@testable import FineTuning

/// Runs that train everything behind a cut.
@Suite struct DeepTailTests {
  static let side = 40

  /// A network, its tuned part and striped images with their maps at the cut.
  struct Setting {
    let source: any CheckpointSource
    let tail: TunableTail
    let images: Tensor
    let samples: LabelledFeatures
    let pool: ThreadPool

    init(_ layers: TuningOptions.Layers, element: FeatureElement = .f32, threads: Int = 2) throws {
      pool = ThreadPool(threads: threads)
      source = try openCheckpoint(.path(Fixtures.path("run/epoch-104.safetensors")))
      let network = try Network(source, pool: pool)
      let cut = try layers.cutPoint.map { try NetworkCut(network.description, at: $0) }
      tail = try TunableTail(network, checkpoint: source, needsBatchNorm: false, cut: cut)
      var generator = SeededGenerator(seed: 4)
      let (count, side) = (20, DeepTailTests.side)
      let labels = (0..<count).map { $0 * 7 % 10 }
      // Stripes in noise: width and direction go with the class, so that there is something to learn.
      images = Tensor(
        shape: [count, side, side, 3],
        values: (0..<count * side * side * 3).map { at in
          let (label, pixel) = (labels[at / (side * side * 3)], at / 3 % (side * side))
          let place = label.isMultiple(of: 2) ? pixel % side : pixel / side
          return Float(0.5 * generator.normal() + 1.5 * cos(0.5 * Double(label / 2 + 1) * Double(place)))
        })
      let collector = try FeatureCollector(tail, count: count, element: element, pool: pool)
      try collector.add(images)
      samples = LabelledFeatures(features: collector.finish(), labels: labels)
    }

    func tuner(_ options: TuningOptions) throws -> ClassifierTuner {
      try ClassifierTuner(
        options, tail: tail, height: DeepTailTests.side, width: DeepTailTests.side, pool: pool)
    }

    func tune(_ options: TuningOptions) throws -> TailParameters {
      try tuner(options).tune(tail.start, on: samples)
    }
  }

  static func options(
    _ layers: TuningOptions.Layers, _ change: (inout TuningOptions) -> Void = { _ in }
  ) -> TuningOptions {
    var options = TuningOptions()
    options.layers = layers
    options.epochs = 3
    options.batchSize = 8
    options.learningRate = 0.02
    change(&options)
    return options
  }

  static let lastBlock = TuningOptions.Layers.behind(.lastBlocks(1))

  /// Largest difference of two arrays, as a share of the second one's largest element.
  private func distance(_ a: [Float], _ b: [Float]) -> Float {
    zip(a, b).map { abs($0 - $1) }.max()! / b.map(abs).max()!
  }

  @Test func namesAreReadAndWritten() {
    for name in [
      "fc", "fc+bn", "fc+norm", "last:1", "last:12", "from:layer4.1", "from:features.17", "bn-affine",
      "bn-affine:layer3",
    ] { #expect(TuningOptions.Layers(rawValue: name)?.rawValue == name) }
    for name in ["", "last", "last:", "last:0", "last:-1", "last:x", "from:", "bn-affine:", "FC"] {
      #expect(TuningOptions.Layers(rawValue: name) == nil, "\(name)")
    }
  }

  /// Cached maps behind any cut give the logits of the whole network.
  @Test(arguments: ["last:1", "last:8", "from:layer3.1.conv2", "from:fc", "bn-affine", "from:conv1"])
  func cachedMapsGiveTheNetworksLogits(_ name: String) throws {
    let layers = try #require(TuningOptions.Layers(rawValue: name))
    let setting = try Setting(layers)
    let logits = try setting.tail.network.logits(setting.images).values.map(Double.init)
    let expected = setting.samples.batch(ArraySlice(0..<20), logits: logits, classes: 10)
    var gradient = logits
    let loss = CrossEntropy().evaluate(expected, gradient: &gradient)
    let tuner = try setting.tuner(Self.options(layers) { $0.microBatch = 7 })
    let found = try tuner.measure(setting.tail.start, on: setting.samples).metrics
    #expect(abs(found.loss - loss) < 1e-4 * loss, "\(found.loss), \(loss)")
  }

  @Test func untunedParametersGiveTheSameBytes() throws {
    let setting = try Setting(Self.lastBlock)
    let replaced = try setting.tail.replacements(for: setting.tail.start)
    #expect(replaced.keys.allSatisfy { $0.string.hasPrefix("layer4.1.") || $0.string.hasPrefix("fc.") })
    #expect(replaced.count == 2 + 2 * 5 + 2)
    for (name, value) in replaced { #expect(try setting.source.value(name) == value, "\(name)") }
  }

  /// The classifier behind a cut is the classifier on pooled features.
  @Test func aCutBeforeTheClassifierTrainsTheClassifierAlone() throws {
    let deep = try Setting(.behind(.from("fc")))
    let plain = try Setting(.classifier)
    let found = try deep.tune(Self.options(.behind(.from("fc"))) { $0.batchNorm = .frozen })
    let expected = try plain.tune(Self.options(.classifier) { $0.batchNorm = .frozen })
    #expect(found.layers?.names == [])
    #expect(distance(found.weight, expected.weight) < 1e-5)
    #expect(distance(try #require(found.bias), try #require(expected.bias)) < 1e-5)
  }

  /// Loss falls, tensors behind the cut move, and the number of threads changes no bit.
  @Test(arguments: TuningOptions.BatchNormMode.allCases)
  func trainingLowersTheLoss(_ mode: TuningOptions.BatchNormMode) throws {
    let options = Self.options(Self.lastBlock) {
      $0.batchNorm = mode
      $0.epochs = 8
    }
    let setting = try Setting(Self.lastBlock)
    let tuner = try setting.tuner(options)
    var losses: [Double] = []
    let tuned = try tuner.tune(setting.tail.start, on: setting.samples) { record, _ in
      losses.append(record.train.loss)
    }
    #expect(try #require(losses.last) < 0.8 * losses[0], "\(losses)")
    #expect(tuned.movements(from: setting.tail.start).allSatisfy { ($0.relative ?? 0) > 0 })
    #expect(try Setting(Self.lastBlock, threads: 1).tune(options) == tuned)
    let statistics = try #require(tuned.layers?.batchNorms)
    #expect((statistics == setting.tail.start.layers?.batchNorms) == (mode == .frozen))
  }

  static let resumable = [
    options(lastBlock) { $0.optimizer = .adamw },
    options(lastBlock) { $0.averaging = .ema(decay: 0.5, every: 1) },
    options(lastBlock) {
      $0.batchNorm = .recalibrate
      $0.averaging = .swa(from: 2)
    },
    options(.behind(.batchNorms(from: nil))) { $0.layerDecay = 0.7 },
    options(lastBlock) {
      $0.dropPath = 0.5
      $0.microBatch = 3
      $0.patience = 2
    },
  ]

  @Test(arguments: resumable.indices) func goesOnAsIfItHadNeverStopped(_ index: Int) throws {
    let options = Self.resumable[index]
    let setting = try Setting(options.layers)
    let folder = try TemporaryFolder()
    let start = setting.tail.start
    let expected = try setting.tuner(options).tune(start, on: setting.samples, validation: setting.samples) {
      record, state in
      let (tensors, metadata) = try #require(state()).encoded(run: "r")
      try writeCheckpoint(tensors, metadata: metadata, to: .path(folder.file("\(record.epoch)")))
    }
    for epoch in 1..<options.epochs {
      let state = try TuningState(openCheckpoint(.path(folder.file("\(epoch)"))), run: "r", like: start)
      #expect(state.misfit(options, like: start, samples: setting.samples.labels.count) == nil)
      let found = try setting.tuner(options).tune(
        start, on: setting.samples, validation: setting.samples, resuming: state)
      #expect(found == expected, "after epoch \(epoch)")
    }
  }

  /// Gradients of micro-batches add up to those of the batch where no statistics depend on the division.
  @Test func microBatchesAddUp() throws {
    let setting = try Setting(Self.lastBlock)
    let whole = Self.options(Self.lastBlock) { $0.batchNorm = .frozen }
    var parts = whole
    parts.microBatch = 3
    let (a, b) = (try setting.tune(parts), try setting.tune(whole))
    #expect(distance(a.weight, b.weight) < 1e-5)
    for (x, y) in zip(try #require(a.layers).values, try #require(b.layers).values) {
      #expect(distance(x, y) < 1e-4)
    }
    parts.loss = OverlapLoss(.dice)
    #expect(throws: TuningError.self) { try setting.tuner(parts) }
  }

  /// One step of plain SGD: the blocks' updates shrink by the decay for each block, the classifier's do not.
  @Test func layerDecayShrinksSteps() throws {
    let setting = try Setting(.behind(.lastBlocks(2)))
    func step(_ decay: Double) throws -> TailParameters {
      try setting.tune(
        Self.options(.behind(.lastBlocks(2))) {
          $0.epochs = 1
          $0.batchSize = 20
          $0.momentum = 0
          $0.weightDecay = 0
          $0.schedule = .constant
          $0.layerDecay = decay
        })
    }
    let (start, plain, decayed) = (setting.tail.start, try step(1), try step(0.5))
    #expect(plain.weight == decayed.weight)
    let layers = (try #require(start.layers), try #require(plain.layers), try #require(decayed.layers))
    for (index, name) in layers.0.names.enumerated() {
      func moved(_ values: [Float]) -> Double {
        zip(values, layers.0.values[index]).reduce(0) { $0 + pow(Double($1.0) - Double($1.1), 2) }
          .squareRoot()
      }
      let expected = name.string.hasPrefix("layer4.1.") ? 0.5 : 0.25
      let ratio = moved(layers.2.values[index]) / moved(layers.1.values[index])
      #expect(abs(ratio - expected) < 0.01, "\(name): \(ratio)")
    }
  }

  /// Maps stored in half precision are almost those in float32.
  @Test func halfPrecisionIsCloseToSingle() throws {
    let (half, single) = (try Setting(Self.lastBlock, element: .f16), try Setting(Self.lastBlock))
    let tuner = try single.tuner(Self.options(Self.lastBlock))
    let losses = try [half, single].map { try tuner.measure($0.tail.start, on: $0.samples).metrics.loss }
    #expect(losses[0] != losses[1] && abs(losses[0] - losses[1]) < 2e-3 * losses[1])
  }

  @Test func optionsWithoutMeaningAreRefused() throws {
    let refused = [
      Self.options(Self.lastBlock) { $0.optimizer = .lbfgs },
      Self.options(.classifier) { $0.layerDecay = 0.5 },
      Self.options(.classifier) { $0.dropPath = 0.1 }, Self.options(.classifier) { $0.microBatch = 4 },
      Self.options(Self.lastBlock) { $0.layerDecay = 0 }, Self.options(Self.lastBlock) { $0.dropPath = 1 },
    ]
    for options in refused { #expect(throws: TuningError.self) { try options.validate() } }
  }

  /// The fingerprint of the frozen part changes with the cut and with frozen tensors, not with tuned ones.
  @Test func theFingerprintIsThatOfTheFrozenPart() throws {
    let setting = try Setting(Self.lastBlock)
    let own = try setting.tail.backboneFingerprint().hexadecimal
    #expect(try Setting(.behind(.lastBlocks(2))).tail.backboneFingerprint().hexadecimal != own)
    let folder = try TemporaryFolder()
    func fingerprint(changing name: TensorName) throws -> String {
      let old = try setting.source.value(name)
      let value = TensorValue(f32: Array(repeating: 0.5, count: old.elementCount), shape: old.shape)
      let path = folder.file("\(name.string).safetensors")
      try rewriteCheckpoint(
        setting.source, replacing: [name: value], metadata: setting.source.metadata, to: .path(path))
      let changed = try openCheckpoint(.path(path))
      let network = try Network(changed, pool: setting.pool)
      let cut = try NetworkCut(network.description, at: .lastBlocks(1))
      return try TunableTail(network, checkpoint: changed, needsBatchNorm: false, cut: cut)
        .backboneFingerprint()
        .hexadecimal
    }
    #expect(try fingerprint(changing: "layer4.1.conv1.weight") == own)
    #expect(try fingerprint(changing: "layer4.1.bn2.running_var") == own)
    #expect(try fingerprint(changing: "layer4.0.conv1.weight") != own)
  }
}
