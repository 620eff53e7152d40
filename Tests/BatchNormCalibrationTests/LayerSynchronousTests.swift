import Checkpoint
import NetworkExecution
import NetworkGraphs
import Platform
import Statistics
import TensorMath
import TestSupport
import Testing

@testable import BatchNormCalibration

@Suite struct LayerSynchronousTests {
  static let imageCount = 12
  static let side = 40

  func network() throws -> Network {
    try Network(
      openCheckpoint(.path(try #require(try Fixtures.series().first))), pool: ThreadPool(threads: 2))
  }

  /// Images that differ much from one another, so that a batch's statistics are far from those of all.
  func images() -> [Tensor] {
    var generator = SeededGenerator(seed: 5)
    return (0..<Self.imageCount).map { index in
      let values = (0..<Self.side * Self.side * 3).map { _ in Float(generator.normal()) + Float(index % 4) }
      return Tensor(shape: [1, Self.side, Self.side, 3], values: values)
    }
  }

  func batch(_ images: ArraySlice<Tensor>) -> Tensor {
    Tensor(shape: [images.count, Self.side, Self.side, 3], values: images.flatMap(\.values))
  }

  func moments(
    batchSize: Int, memory: Int = .max, element: ScratchElement = .f32, layers: [BatchNormLayer]? = nil
  ) throws -> BatchMoments {
    let network = try network()
    let images = images()
    let folder = try TemporaryFolder()
    let result = try BatchMoments.layerSynchronous(
      through: network, layers: layers ?? network.batchNorms,
      batchCount: (images.count + batchSize - 1) / batchSize, memory: memory, scratchFolder: folder.path,
      scratchElement: element,
      load: { batch(images[$0 * batchSize..<min(($0 + 1) * batchSize, images.count)]) }, onStep: { _ in })
    #expect(try folder.listing().isEmpty)
    return result
  }

  @Test func equalsOneBatchOfEverything() throws {
    let network = try network()
    let whole = try BatchMoments(
      of: batch(images()[...]), through: network, layers: network.batchNorms, batch: 0)
    #expect(try moments(batchSize: Self.imageCount) == whole)
  }

  @Test(arguments: [1, 5]) func batchSizeIsIrrelevant(_ batchSize: Int) throws {
    let whole = try moments(batchSize: Self.imageCount)
    let parts = try moments(batchSize: batchSize)
    for (a, b) in zip(whole.layers, parts.layers) {
      for channel in a.mean.indices {
        let deviation = a.biasedVariance[channel].squareRoot()
        #expect(abs(a.mean[channel] - b.mean[channel]) <= 1e-6 * deviation)
        #expect(
          abs(a.biasedVariance[channel] - b.biasedVariance[channel]) <= 1e-6 * a.biasedVariance[channel])
      }
    }
  }

  @Test func batchesOfTheirOwnAreSomethingElse() throws {
    let network = try network()
    var calibration = try Calibration(network: network, estimator: .pooled)
    for (number, image) in images().enumerated() {
      try calibration.add(
        BatchMoments(of: image, through: network, layers: network.batchNorms, batch: number))
    }
    let synchronous = try #require(try moments(batchSize: 1).layers.last).biasedVariance
    let own = try #require(try calibration.statistics().last).statistics.variance
    #expect(zip(synchronous, own).contains { abs($0 - $1) > 0.05 * $0 })
  }

  @Test(arguments: [0, 300_000]) func aScratchFileChangesNothing(_ memory: Int) throws {
    #expect(try moments(batchSize: 2, memory: memory) == moments(batchSize: 2))
  }

  @Test func aScratchFileOfHalvesRounds() throws {
    let exact = try moments(batchSize: 2)
    let rounded = try moments(batchSize: 2, memory: 0, element: .f16)
    #expect(rounded != exact)
    for (a, b) in zip(exact.layers, rounded.layers) {
      for channel in a.mean.indices {
        let deviation = a.biasedVariance[channel].squareRoot()
        #expect(abs(a.mean[channel] - b.mean[channel]) <= 1e-2 * deviation)
        #expect(abs(deviation - b.biasedVariance[channel].squareRoot()) <= 1e-2 * deviation)
      }
    }
  }

  @Test func halvesRefuseWhatTheyCannotHold() throws {
    let network = try network()
    var image = images()[0]
    image = Tensor(shape: image.shape, values: image.values.map { $0 + 1e5 })
    let folder = try TemporaryFolder()
    #expect(throws: NetworkError.scratchOverflow) {
      try BatchMoments.layerSynchronous(
        through: network, layers: network.batchNorms, batchCount: 2, memory: 0, scratchFolder: folder.path,
        scratchElement: .f16, load: { _ in image }, onStep: { _ in })
    }
  }

  @Test func aBadImageIsFoundInItsBatch() throws {
    let network = try network()
    let images = images()
    let bad = Tensor(shape: images[0].shape, values: images[0].values.map { _ in Float.nan })
    let folder = try TemporaryFolder()
    let error = CalibrationError.notFinite(layer: "bn1", channel: 0, batch: 2)
    #expect(throws: error) {
      try BatchMoments.layerSynchronous(
        through: network, layers: network.batchNorms, batchCount: 4, memory: .max, scratchFolder: folder.path,
        load: { $0 == 2 ? bad : images[$0] }, onStep: { _ in })
    }
    #expect(throws: error) {
      try BatchMoments(of: bad, through: network, layers: network.batchNorms, batch: 2)
    }
  }

  @Test func oneValuePerChannelIsRefused() throws {
    let network = try network()
    let small = Tensor(shape: [1, 32, 32, 3])
    #expect(throws: CalibrationError.oneValuePerChannel(layer: "layer4.0.downsample.1", batch: 7)) {
      try BatchMoments(of: small, through: network, layers: network.batchNorms, batch: 7)
    }
  }

  @Test func otherLayersKeepTheirRunningStatistics() throws {
    let network = try network()
    let last = try #require(network.batchNorms.last)
    let result = try moments(batchSize: 3, layers: [last])
    #expect(result.layers.count == 1)
    let features = try network.tailInputs(batch(images()[...])).input
    let expected = ChannelMoments.of(
      rows: features.pointer, count: features.count / last.channels, channels: last.channels)
    for channel in 0..<last.channels {
      #expect(abs(result.layers[0].mean[channel] - expected.mean[channel]) < 1e-4)
    }
  }
}
