import Checkpoint
import NetworkExecution
import Platform
import Statistics
import TensorMath
import Testing

struct ResNetTests {
  struct Variant: Sendable, CustomTestStringConvertible {
    let name: String
    let checkpoint: MemoryCheckpoint
    var testDescription: String { name }
  }

  static let variants = [
    Variant(
      name: "resnet [1,2] basic width 5",
      checkpoint: StateDictMaker.resNet(blocks: [1, 2], isBottleneck: false, base: 5)),
    Variant(
      name: "resnet [1,1] bottleneck width 4",
      checkpoint: StateDictMaker.resNet(blocks: [1, 1], isBottleneck: true, base: 4)),
    Variant(
      name: "resnet [1,1,1] bottleneck width 4 groups 2x4",
      checkpoint: StateDictMaker.resNet(blocks: [1, 1, 1], isBottleneck: true, base: 4, groups: 2, width: 8)),
  ]

  static let (images, height, width) = (3, 29, 22)
  static let pixels: [Float] = {
    var generator = SeededGenerator(seed: 21)
    return (0..<images * height * width * 3).map { _ in Float(generator.normal()) }
  }()
  static var input: Tensor { Tensor(shape: [images, height, width, 3], values: pixels) }

  /// Largest difference relative to the largest expected value.
  static func error(_ found: [Float], _ expected: [Double]) -> Double {
    guard found.count == expected.count else { return .infinity }
    let scale = expected.map(abs).max() ?? 1
    return zip(found, expected).map { abs(Double($0) - $1) }.max()! / scale
  }

  @Test(arguments: variants)
  func logitsFollowTheDefinition(variant: Variant) throws {
    let network = try Network(variant.checkpoint, pool: ThreadPool(threads: 2))
    #expect(network.architectureName == variant.name)
    #expect(network.classCount == 5)
    var reference = ReferenceResNet(variant.checkpoint)
    let expected = reference.logits(Self.pixels, images: Self.images, height: Self.height, width: Self.width)
    let found = try network.logits(Self.input)
    #expect(found.shape == [Self.images, 5])
    #expect(Self.error(found.values, expected) < 1e-5)
  }

  @Test(arguments: variants)
  func batchStatisticsFollowTheDefinition(variant: Variant) throws {
    let network = try Network(variant.checkpoint, pool: ThreadPool(threads: 2))
    var reference = ReferenceResNet(variant.checkpoint, usesBatchStatistics: true)
    let expected = reference.logits(Self.pixels, images: Self.images, height: Self.height, width: Self.width)
    var seen: [String] = []
    let found = try network.forwardWithBatchStatistics(Self.input) { layer, moments in
      seen.append(layer.name)
      let (mean, variance) = try #require(reference.moments[layer.name])
      let deviation = variance.map { $0.squareRoot() }.max()!
      for c in 0..<layer.channels {
        #expect(abs(moments.mean[c] - mean[c]) < 1e-5 * deviation)
        #expect(abs(moments.biasedVariance[c] - variance[c]) < 1e-5 * deviation * deviation)
      }
    }
    #expect(seen == network.batchNorms.map(\.name))
    #expect(Set(seen) == Set(reference.moments.keys))
    #expect(Self.error(found.values, expected) < 1e-4)
  }

  @Test(arguments: variants)
  func tailOfTailInputsGivesTheLogits(variant: Variant) throws {
    let network = try Network(variant.checkpoint, pool: ThreadPool(threads: 2))
    var reference = ReferenceResNet(variant.checkpoint)
    let expected = reference.logits(Self.pixels, images: Self.images, height: Self.height, width: Self.width)
    let tail = try #require(network.classifier)
    #expect(
      tail.name == "fc" && tail.pooling == .globalAverage && tail.activation == .relu && tail.hasResidual)
    let layer = try #require(tail.lastBatchNorm)
    #expect(layer == network.batchNorms.last)
    let features = try network.tailInputs(Self.input)
    let map = try #require(reference.lastNormInput)
    #expect(features.input.shape == [Self.images, map.height, map.width, map.channels])
    let residual = try #require(features.residual)
    #expect(residual.shape == features.input.shape)

    func floats(_ key: TensorName) throws -> [Float] { try network.parameter(key).floats() }
    let (gamma, beta) = (try floats(layer.weightKey), try floats(layer.biasKey))
    let (mean, variance) = (try floats(layer.runningMeanKey), try floats(layer.runningVarKey))
    let weight = try floats(tail.weightKey)
    let bias = try floats(try #require(tail.biasKey))
    let (channels, pixels) = (layer.channels, map.height * map.width)
    #expect(tail.featureCount == channels)
    var logits: [Float] = []
    for image in 0..<Self.images {
      var pooled = [Float](repeating: 0, count: channels)
      for index in 0..<pixels * channels {
        let c = index % channels
        let x = features.input.values[image * pixels * channels + index]
        let z = (x - mean[c]) / (variance[c] + Float(layer.eps)).squareRoot() * gamma[c] + beta[c]
        pooled[c] += max(z + residual.values[image * pixels * channels + index], 0) / Float(pixels)
      }
      for o in 0..<5 {
        logits.append(bias[o] + (0..<channels).reduce(0) { $0 + weight[o * channels + $1] * pooled[$1] })
      }
    }
    #expect(Self.error(logits, expected) < 1e-5)
  }

  @Test(arguments: variants)
  func sameBitsForAnyThreadsAndBatches(variant: Variant) throws {
    let expected = try Network(variant.checkpoint, pool: ThreadPool(threads: 1)).logits(Self.input).values
    for threads in [2, 3] {
      let network = try Network(variant.checkpoint, pool: ThreadPool(threads: threads))
      #expect(try network.logits(Self.input).values == expected)
      let perImage = Self.height * Self.width * 3
      let single = try (0..<Self.images).flatMap { image in
        try network.logits(
          Tensor(
            shape: [1, Self.height, Self.width, 3],
            values: Array(Self.pixels[image * perImage..<(image + 1) * perImage]))
        ).values
      }
      #expect(single == expected)
    }
  }

  @Test func batchStatisticsDoNotDependOnThreads() throws {
    func run(threads: Int) throws -> (logits: [Float], moments: [ChannelMoments]) {
      let network = try Network(Self.variants[2].checkpoint, pool: ThreadPool(threads: threads))
      var moments: [ChannelMoments] = []
      let logits = try network.forwardWithBatchStatistics(Self.input) { moments.append($1) }
      return (logits.values, moments)
    }
    let one = try run(threads: 1)
    let three = try run(threads: 3)
    #expect(one.logits == three.logits)
    #expect(one.moments == three.moments)
  }

  @Test func statisticsOfTheBatchReproduceItsLogits() throws {
    let network = try Network(Self.variants[0].checkpoint, pool: ThreadPool(threads: 2))
    let before = try network.logits(Self.input).values
    var statistics: [RunningStatistics] = []
    let expected = try network.forwardWithBatchStatistics(Self.input) {
      statistics.append(RunningStatistics(mean: $1.mean, variance: $1.biasedVariance))
    }
    let found = try network.logits(Self.input, statistics: statistics).values
    #expect(Self.error(found, expected.values.map(Double.init)) < 1e-5)
    #expect(Self.error(before, expected.values.map(Double.init)) > 1e-2)
  }

  @Test func multiplyAddsByHand() throws {
    let network = try Network(Self.variants[0].checkpoint, pool: ThreadPool(threads: 1))
    // 32x32: stem 16x16x5 of 7x7x3, then 8x8 maps of 5 channels, then 4x4 maps of 10.
    let stem = 16 * 16 * 5 * 147
    let first = 2 * 64 * 5 * 45
    let second = 16 * 10 * (45 + 5 + 90) + 2 * 16 * 10 * 90
    #expect(try network.multiplyAdds(height: 32, width: 32) == stem + first + second + 10 * 5)
  }

  @Test func anEmptyBatchHasNoLogits() throws {
    let network = try Network(Self.variants[0].checkpoint, pool: ThreadPool(threads: 1))
    let none = Tensor(shape: [0, 32, 32, 3])
    #expect(try network.logits(none).shape == [0, 5])
    #expect(
      try network.forwardWithBatchStatistics(none) { _, _ in Issue.record("no batch, no moments") }.count == 0
    )
  }
}
