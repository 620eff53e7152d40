import Platform
import Statistics
import Testing

@testable import FineTuning

/// L-BFGS against the minimum that accelerated gradient descent finds in float64.
@Suite struct QuasiNewtonTests {
  private static let (images, channels, classes) = (90, 8, 3)
  private static let decay = 1e-4

  private let features: [[Double]]
  private let labels: [Int]

  init() {
    var generator = SeededGenerator(seed: 1, for: "features")
    // Scales from 0.05 to 3 make the problem as ill-conditioned as pooled features are.
    features = (0..<Self.images).map { _ in
      (0..<Self.channels).map { channel in
        Double(Float(generator.normal() * 3 * pow(0.56, Double(channel)) + 1))
      }
    }
    labels = features.map { row in
      let score = row[0] + 4 * row[3] + 2 * generator.normal()
      return score < 3 ? 0 : score < 8 ? 1 : 2
    }
  }

  private func samples() throws -> LabelledFeatures {
    let maps = try FeatureMaps(
      FeatureShape(count: Self.images, positions: 1, channels: Self.channels, hasResidual: false))
    for (index, row) in features.enumerated() {
      try maps.store(index, map: row.map(Float.init), residual: nil)
    }
    return LabelledFeatures(features: maps, labels: labels)
  }

  private func tune(epochs: Int, start: [Float]) throws -> (weight: [Double], last: EpochRecord) {
    var options = TuningOptions()
    (options.layers, options.batchNorm, options.optimizer) = (.classifier, .frozen, .lbfgs)
    (options.epochs, options.weightDecay) = (epochs, Self.decay)
    let parameters = TailParameters(
      weight: start, bias: Array(repeating: 0, count: Self.classes), batchNorm: nil, layerNorm: nil,
      classes: Self.classes, channels: Self.channels)
    var records: [EpochRecord] = []
    let tuned = try ClassifierTuner(options, activation: .identity, pool: ThreadPool(threads: 2))
      .tune(parameters, on: samples(), onEpoch: { record, _ in records.append(record) })
    return (tuned.weight.map(Double.init), try #require(records.last))
  }

  /// The minimum of mean cross-entropy and ½·decay·‖w‖² (Nesterov 1983), to far more digits than float32 has.
  private func minimum() -> [Double] {
    let (k, c, n) = (Self.classes, Self.channels, Double(Self.images))
    let weights = k * c
    var x = [Double](repeating: 0, count: weights + k)
    var y = x
    let rate = 1 / (0.5 * features.reduce(0) { $0 + $1.reduce(1) { $0 + $1 * $1 } } / n + Self.decay)
    for step in 0..<60_000 {
      var gradient = (0..<x.count).map { $0 < weights ? Self.decay * y[$0] : 0 }
      for (row, label) in zip(features, labels) {
        let logits = (0..<k).map { j in (0..<c).reduce(y[weights + j]) { $0 + y[j * c + $1] * row[$1] } }
        let exponentials = logits.map { exp($0 - logits.max()!) }
        let sum = exponentials.reduce(0, +)
        for j in 0..<k {
          let error = (exponentials[j] / sum - (j == label ? 1 : 0)) / n
          gradient[weights + j] += error
          for i in 0..<c { gradient[j * c + i] += error * row[i] }
        }
      }
      let next = zip(y, gradient).map { $0 - rate * $1 }
      // Restarted, so that the momentum never overshoots for long.
      let momentum = Double(step % 500) / Double(step % 500 + 3)
      y = zip(next, x).map { $0 + momentum * ($0 - $1) }
      x = next
    }
    return Array(x.prefix(weights))
  }

  private func norm(_ values: [Double]) -> Double { values.reduce(0) { $0 + $1 * $1 }.squareRoot() }

  @Test func reachesTheMinimumFromEveryStart() throws {
    let minimum = minimum()
    var generator = SeededGenerator(seed: 2, for: "start")
    let starts = [
      Array(repeating: Float(0), count: minimum.count),
      minimum.map { _ in Float(5 * generator.normal()) },
    ]
    for start in starts {
      let (weight, last) = try tune(epochs: 1000, start: start)
      let optimality = try #require(last.optimality)
      #expect(optimality.isReached && last.epoch < 1000)
      #expect(norm(zip(weight, minimum).map { $0 - $1 }) < 0.012 * norm(minimum))
    }
  }

  @Test func saysHowFarTheMinimumMayBe() throws {
    let minimum = minimum()
    let (weight, last) = try tune(epochs: 8, start: Array(repeating: 0, count: minimum.count))
    let optimality = try #require(last.optimality)
    let bound = try #require(optimality.distance)
    #expect(!optimality.isReached)
    #expect(norm(zip(weight, minimum).map { $0 - $1 }) <= bound * norm(weight))
  }
}
