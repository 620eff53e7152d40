import Checkpoint
import Foundation
import ImageData
import NetworkExecution
import Platform
import TensorMath
import TestSupport
import Testing

@testable import FineTuning

/// PyTorch's tuning of a really trained network on real images: the loss of every step and all final tensors.
@Suite struct FixturesGoldenTests {
  struct Procedure: Sendable, CustomTestStringConvertible {
    let prefix: String
    let batchNorm: TuningOptions.BatchNormMode
    let labelSmoothing: Double
    var testDescription: String { prefix.isEmpty ? "batch" : String(prefix.dropLast()) }
  }

  static let procedures = [
    Procedure(prefix: "", batchNorm: .batch, labelSmoothing: 0),
    Procedure(prefix: "frozen/", batchNorm: .frozen, labelSmoothing: 0),
    Procedure(prefix: "smoothing/", batchNorm: .batch, labelSmoothing: 0.1),
  ]

  func features(_ tail: TunableTail, _ golden: TestSupport.Golden, pool: ThreadPool) throws -> FeatureMaps {
    let paths = try golden.paths()
    let preprocessing = Preprocessing(resize: 82, crop: 72)
    let side = preprocessing.crop
    let collector = try FeatureCollector(tail, count: paths.count, pool: pool)
    for start in stride(from: 0, to: paths.count, by: 32) {
      let batch = paths[start..<min(start + 32, paths.count)]
      let images = Tensor(shape: [batch.count, side, side, 3])
      for (place, path) in batch.enumerated() {
        let bytes = try Data(contentsOf: URL(fileURLWithPath: Fixtures.path(path)))
        preprocessing.apply(
          try RGBImage(decoding: Array(bytes), item: path), into: images.pointer + place * side * side * 3)
      }
      try collector.add(images)
    }
    return collector.finish()
  }

  @Test(arguments: procedures) func lossCurveAndTensors(_ procedure: Procedure) throws {
    let golden = try TestSupport.Golden("FineTuning/fixres")
    let pool = ThreadPool(threads: 2)
    let checkpoint = try openCheckpoint(.path(Fixtures.path("run/epoch-104.safetensors")))
    let network = try Network(checkpoint, pool: pool)
    let tail = try TunableTail(network, checkpoint: checkpoint, needsBatchNorm: true)
    let order = try golden.doubles("order").map { Int($0) }
    var options = TuningOptions()
    options.batchNorm = procedure.batchNorm
    options.epochs = 5
    options.learningRate = 1e-2
    options.loss = CrossEntropy(labelSmoothing: procedure.labelSmoothing)
    options.order = (0..<5).map { Array(order[$0 * 256..<($0 + 1) * 256]) }

    var losses: [Double] = []
    let tuned = try ClassifierTuner(options, activation: tail.activation, pool: pool).tune(
      tail.start,
      on: LabelledFeatures(
        features: features(tail, golden, pool: pool), labels: golden.doubles("labels").map { Int($0) }),
      onStep: { losses.append($0.loss) })

    let prefix = procedure.prefix
    let expected = try golden.doubles("\(prefix)loss")
    #expect(losses.count == 20)
    #expect(zip(losses, expected).allSatisfy { abs($0 - $1) < 1e-5 }, "\(losses)")
    let norm = try #require(tuned.batchNorm)
    let tensors: [(String, [Double])] = [
      ("fc.weight", tuned.weight.map(Double.init)), ("fc.bias", try #require(tuned.bias).map(Double.init)),
      ("gamma", norm.gamma.map(Double.init)), ("beta", norm.beta.map(Double.init)),
      ("running_mean", norm.runningMean), ("running_var", norm.runningVar),
    ]
    for (name, values) in tensors {
      #expect(relativeError(values, try golden.doubles(prefix + name)) < 1e-4, "\(name)")
    }
  }
}
