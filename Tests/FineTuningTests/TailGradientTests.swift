import NetworkGraphs
import Platform
import Statistics
import Testing

@testable import FineTuning

/// The hand-written backward pass against central differences in float64.
@Suite struct TailGradientTests {
  static func makeReference(_ activation: Activation, residual: Bool) -> ReferenceTail {
    var generator = SeededGenerator(seed: 3)
    let (count, positions, channels, classes) = (6, 4, 11, 5)
    func normals(_ n: Int, _ scale: Double) -> [Double] {
      // Float values, so that both sides start from the same numbers.
      (0..<n).map { _ in Double(Float(generator.normal() * scale)) }
    }
    return ReferenceTail(
      images: (0..<count).map { _ in normals(positions * channels, 2) },
      residuals: residual ? (0..<count).map { _ in normals(positions * channels, 1) } : nil,
      labels: (0..<count).map { $0 % classes },
      positions: positions, channels: channels, classes: classes,
      weight: normals(classes * channels, 0.5), bias: normals(classes, 0.1),
      gamma: normals(channels, 1), beta: normals(channels, 0.3), activation: activation,
      loss: CrossEntropy(labelSmoothing: 0.1))
  }

  static func makeFeatures(_ reference: ReferenceTail) throws -> FeatureMaps {
    let maps = try FeatureMaps(
      FeatureShape(
        count: reference.images.count, positions: reference.positions, channels: reference.channels,
        hasResidual: reference.residuals != nil))
    for (index, image) in reference.images.enumerated() {
      try maps.store(
        index, map: image.map(Float.init), residual: reference.residuals.map { $0[index].map(Float.init) })
    }
    return maps
  }

  @Test(arguments: Activation.allCases, [true, false])
  func gradientsEqualDifferences(_ activation: Activation, residual: Bool) throws {
    let reference = Self.makeReference(activation, residual: residual)
    let features = try Self.makeFeatures(reference)
    let start = TailParameters(
      weight: reference.weight.map(Float.init), bias: reference.bias.map(Float.init),
      batchNorm: BatchNormParameters(
        gamma: reference.gamma.map(Float.init), beta: reference.beta.map(Float.init),
        runningMean: Array(repeating: 0, count: 11), runningVar: Array(repeating: 1, count: 11),
        numBatchesTracked: 0, eps: reference.eps, momentum: 0.1),
      classes: reference.classes, channels: reference.channels)
    let tail = try Tail(
      start, activation: activation, capacity: 6, pool: ThreadPool(threads: 2))
    let images = FeatureRows(maps: features, rows: ArraySlice(0..<6))
    tail.useBatchStatistics(of: images)
    let batch = LossBatch(logits: tail.forward(images), classes: 5, labels: reference.labels)
    var gradient = batch.logits
    let loss = reference.loss.evaluate(batch, gradient: &gradient)
    tail.backward(gradient, rows: 6, trainsBatchNorm: true)

    #expect(abs(loss - reference.batchLoss()) < 1e-6)
    let pairs: [(WritableKeyPath<ReferenceTail, [Double]>, TrainableParameter, Int)] = [
      (\.weight, tail.weight, 55), (\.bias, try #require(tail.bias), 5), (\.gamma, tail.gamma, 11),
      (\.beta, tail.beta, 11),
    ]
    for (path, parameter, count) in pairs {
      for index in 0..<count {
        let expected = reference.slope(path, index)
        #expect(abs(Double(parameter.gradient.pointer[index]) - expected) < 2e-6, "\(path) \(index)")
      }
    }
  }
}
