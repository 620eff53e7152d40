import Checkpoint
import Foundation
import ImageData
import NetworkExecution
import Platform
import TensorMath
import TestSupport
import Testing

@testable import BatchNormCalibration

/// Statistics that PyTorch finds for the mean of the series, over 80 images in three batches.
@Suite struct GoldenTests {
  /// The mean of the series with the buffers of the latest.
  static func meanOfSeries(_ folder: TemporaryFolder) throws -> any CheckpointSource {
    let series = try Fixtures.series().sorted { $0.compare($1, options: .numeric) == .orderedAscending }
      .map { try openCheckpoint(.path($0)) }
    let latest = try #require(series.last)
    var tensors: [TensorName: TensorValue] = [:]
    for spec in latest.tensors {
      let isBuffer = spec.name.string.contains("running_") || spec.dtype == .i64
      guard !isBuffer else {
        tensors[spec.name] = try latest.value(spec.name)
        continue
      }
      var sum = [Double](repeating: 0, count: spec.elementCount)
      for source in series {
        for (index, value) in try source.value(spec.name).doubles().enumerated() { sum[index] += value }
      }
      tensors[spec.name] = try TensorValue(
        doubles: sum.map { $0 / Double(series.count) }, shape: spec.shape, dtype: .f32)
    }
    try writeCheckpoint(tensors, metadata: latest.metadata, to: .path(folder.file("mean")))
    return try openCheckpoint(.path(folder.file("mean")))
  }

  @Test(arguments: [Estimator.pooled, .batchMean, .torch])
  func agreesWithPyTorch(_ estimator: Estimator) throws {
    let folder = try TemporaryFolder()
    let golden = try Golden("BatchNormCalibration/bnstats")
    let source = try Self.meanOfSeries(folder)
    let network = try Network(source, pool: ThreadPool(threads: 2))
    let preprocessing = try #require(
      try Preprocessing(metadata: { source.metadata[$0] }, source: source.label))

    var calibration = try Calibration(network: network, estimator: estimator)
    let paths = try golden.paths()
    #expect(paths.count == 80)
    let side = preprocessing.crop
    for (number, start) in stride(from: 0, to: paths.count, by: 32).enumerated() {
      let batch = paths[start..<min(start + 32, paths.count)]
      let images = Tensor(shape: [batch.count, side, side, 3])
      for (place, path) in batch.enumerated() {
        let bytes = try Data(contentsOf: URL(fileURLWithPath: Fixtures.path(path)))
        let image = try RGBImage(decoding: Array(bytes), item: path)
        preprocessing.apply(image, into: images.pointer + place * side * side * 3)
      }
      try calibration.add(
        BatchMoments(of: images, through: network, layers: network.batchNorms, batch: number))
    }

    // Half a percent of a standard deviation would be invisible; this is fifty times stricter.
    for (layer, statistics) in try calibration.statistics() {
      let prefix = "\(estimator.rawValue)/\(layer.name)"
      let mean = try golden.doubles("\(prefix).running_mean")
      let variance = try golden.doubles("\(prefix).running_var")
      for channel in mean.indices {
        let deviation = variance[channel].squareRoot()
        #expect(
          abs(statistics.mean[channel] - mean[channel]) < 1e-4 * deviation, "\(layer.name) [\(channel)]")
        #expect(
          abs(statistics.variance[channel].squareRoot() - deviation) < 1e-4 * deviation,
          "\(layer.name) [\(channel)]")
      }
    }
  }
}
