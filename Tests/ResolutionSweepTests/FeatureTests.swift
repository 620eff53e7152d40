import Checkpoint
import ImageData
import NetworkExecution
import Platform
import TensorMath
import TestSupport
import Testing

@testable import Evaluation

/// The inputs of the classifier, from which its logits follow.
@Suite struct FeatureTests {
  private let source: any CheckpointSource
  private let network: Network
  private let dataset: any ImageDataset
  private let images = [3, 90, 200, 310, 449]

  init() throws {
    source = try openCheckpoint(.path(Fixtures.path("run/epoch-104.safetensors")))
    network = try Network(source, pool: ThreadPool(threads: 2))
    dataset = try openDataset(Fixtures.path("digits/val"))
  }

  private func evaluator(_ setting: Setting, recalibrations: [Recalibration] = []) throws -> Evaluator {
    try Evaluator(
      networks: [network, network], settings: [setting], dataset: dataset, images: images,
      recalibrations: recalibrations)
  }

  /// Logits of the classifier for features, and those that the network was scored by.
  private func compare(_ setting: Setting, recalibrations: [Recalibration] = []) throws -> Double {
    let table = try evaluator(setting, recalibrations: recalibrations).features(
      of: 0, batchSize: 2, workers: 2)
    #expect(table.count == 5 && table.values.count == 5 * table.featureCount)
    let labels = try images.map { try #require(dataset.label($0)) }
    #expect(table.labels == labels)
    var expected: [[Double]] = []
    try evaluator(setting, recalibrations: recalibrations).run(
      workers: 2, onLogits: { _, logits, _ in expected.append(logits) })
    let weight = try source.value("fc.weight").doubles()
    let bias = try source.value("fc.bias").doubles()
    let width = table.featureCount
    #expect(weight.count == 10 * width)
    var largest = 0.0
    for (row, logits) in expected.enumerated() {
      for (index, logit) in logits.enumerated() {
        let sum = (0..<width).reduce(bias[index]) {
          $0 + weight[index * width + $1] * Double(table.values[row * width + $1])
        }
        largest = max(largest, abs(sum - logit))
      }
    }
    return largest
  }

  @Test(arguments: [CropViews.center, .flip, .ten]) func logitsFollowFromFeatures(_ views: CropViews) throws {
    let setting = Setting(preprocessing: Preprocessing(resize: 64, crop: 56), views: views)
    #expect(try compare(setting) < 1e-4)
  }

  @Test func recalibratedStatisticsCount() throws {
    var setting = Setting(preprocessing: Preprocessing(resize: 64, crop: 56))
    let plain = try evaluator(setting).features(of: 0, workers: 1)
    setting.batchNorm = .recalibrated
    var statistics = network.runningStatistics
    statistics[0].variance = statistics[0].variance.map { 4 * $0 }
    let recalibration = Recalibration(
      network: 0, preprocessing: setting.preprocessing, batchCount: 1, statistics: statistics)
    #expect(try compare(setting, recalibrations: [recalibration]) < 1e-4)
    let other = try evaluator(setting, recalibrations: [recalibration]).features(of: 0, workers: 1)
    #expect(other.values != plain.values)
  }

  @Test func whatHasNoFeaturesIsRefused() throws {
    let view = Preprocessing(resize: 64, crop: 56)
    for setting in [
      Setting(networks: [0, 1], preprocessing: view),
      Setting(preprocessing: view, pooling: .testTime(window: 2)),
    ] {
      #expect(throws: EvaluationError.self) { try evaluator(setting).features(of: 0, workers: 1) }
    }
  }
}
