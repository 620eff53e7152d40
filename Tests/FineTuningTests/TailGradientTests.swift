import Foundation
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
    tail.backward(gradient, rows: 6, trainsNorm: true)

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

  /// Scale and shift of a LayerNorm on normalized features, against central differences of the loss.
  @Test(arguments: [true, false])
  func layerNormGradientsEqualDifferences(hasBias: Bool) throws {
    let (count, channels, classes) = (6, 5, 3)
    var generator = SeededGenerator(seed: 4)
    func normals(_ n: Int) -> [Float] { (0..<n).map { _ in Float(generator.normal()) } }
    let images = (0..<count).map { _ in normals(channels) }
    let start = TailParameters(
      weight: normals(classes * channels), bias: normals(classes), batchNorm: nil,
      layerNorm: LayerNormParameters(weight: normals(channels), bias: hasBias ? normals(channels) : nil),
      classes: classes, channels: channels)
    let maps = try FeatureMaps(
      FeatureShape(count: count, positions: 1, channels: channels, hasResidual: false))
    for (index, image) in images.enumerated() { try maps.store(index, map: image, residual: nil) }
    let rows = FeatureRows(maps: maps, rows: ArraySlice(0..<count))
    let labels = (0..<count).map { $0 % classes }
    let tail = try Tail(start, activation: .identity, capacity: count, pool: ThreadPool(threads: 2))
    #expect(tail.parameters == start && tail.normParameters.count == (hasBias ? 2 : 1))
    let batch = LossBatch(logits: tail.forward(rows), classes: classes, labels: labels)
    var gradient = batch.logits
    _ = CrossEntropy().evaluate(batch, gradient: &gradient)
    tail.backward(gradient, rows: count, trainsNorm: true)

    /// The mean cross-entropy in float64 with `step` added to a channel's scale or shift.
    func loss(_ channel: Int, scale: Double, shift: Double) -> Double {
      zip(images, labels).reduce(0) { total, sample in
        let z = (0..<channels).map { c in
          let factor = Double(start.layerNorm!.weight[c]) + (c == channel ? scale : 0)
          return Double(sample.0[c]) * factor + Double(start.layerNorm!.bias?[c] ?? 0)
            + (c == channel ? shift : 0)
        }
        let logits = (0..<classes).map { k in
          (0..<channels).reduce(Double(start.bias![k])) {
            $0 + Double(start.weight[k * channels + $1]) * z[$1]
          }
        }
        let largest = logits.max()!
        let sum = logits.reduce(0) { $0 + exp($1 - largest) }
        return total + (log(sum) + largest - logits[sample.1]) / Double(count)
      }
    }
    for channel in 0..<channels {
      let slope = (loss(channel, scale: 1e-5, shift: 0) - loss(channel, scale: -1e-5, shift: 0)) / 2e-5
      #expect(abs(Double(tail.gamma.gradient.pointer[channel]) - slope) < 2e-6)
      let rise = (loss(channel, scale: 0, shift: 1e-5) - loss(channel, scale: 0, shift: -1e-5)) / 2e-5
      #expect(abs(Double(tail.beta.gradient.pointer[channel]) - rise) < 2e-6)
    }
  }
}
