import Checkpoint
import ImageData
import NetworkExecution
import NetworkGraphs

/// Recalibrates the BatchNorms of a network on the images of a loader, once for each of the loader's views.
///
/// Every batch normalizes with its own statistics (as in training); the moments of each layer's input are
/// then combined by `estimator` in float64.
///
/// ```swift
/// let loader = BatchLoader(
///   dataset, indices: order, batchSize: 32, views: [preprocessing], workers: 2)
/// let statistics = try recalibrate(network, loader)[0].networkStatistics()
/// let logits = try network.logits(images, statistics: statistics)
/// ```
///
/// - Parameters:
///   - network: A network with `ComputeOptions.statistics`, so that rounding does not grow through its
///     layers.
///   - loader: Provides the batches in the order of the data.
///   - layers: The layers to recalibrate, in execution order; nil is all that were not frozen in training.
///   - estimator: Rule that combines the batches.
///   - onBatch: Called after each view of a batch with the number of its images.
/// - Returns: One calibration for each view.
/// - Throws: `CalibrationError`; errors of loading.
public func recalibrate(
  _ network: Network, _ loader: BatchLoader, layers: [BatchNormLayer]? = nil,
  estimator: Estimator = .pooled, onBatch: (Int) -> Void = { _ in }
) throws -> [Calibration] {
  var calibrations = try loader.views.map { _ in
    try Calibration(network: network, layers: layers, estimator: estimator)
  }
  try measureBatches(of: loader, through: network, layers: layers ?? network.trainedBatchNorms) {
    view, moments in
    try calibrations[view].add(moments)
    onBatch(moments.imageCount)
  }
  return calibrations
}

/// Passes the batches of a loader through a network, each on its own, without combining their moments.
///
/// - Parameters:
///   - loader: Gives the batches in the order of the data.
///   - network: Computes as `ComputeOptions.statistics` says.
///   - layers: The layers to measure, in execution order; the others normalize with their running statistics.
///   - numbers: Indices of the batches in the order of the data; nil counts from 0.
///   - prepare: Changes a batch before it is measured, for example by mixing its images.
///   - observe: Receives the view's index and the moments, for every view of every batch.
/// - Throws: `CalibrationError`; errors of loading and of `observe`.
public func measureBatches(
  of loader: BatchLoader, through network: Network, layers: [BatchNormLayer], numbers: [Int]? = nil,
  prepare: (ImageBatch, Int) -> Void = { _, _ in },
  observe: (_ view: Int, BatchMoments) throws -> Void
) throws {
  var place = 0
  while let batch = try loader.next() {
    let number = numbers?[place] ?? place
    prepare(batch, number)
    for (view, images) in batch.views.enumerated() {
      try observe(view, BatchMoments(of: images, through: network, layers: layers, batch: number))
    }
    place += 1
  }
}

extension Network {
  /// The BatchNorms that were frozen in training: those without a step counter (like torchvision's
  /// `FrozenBatchNorm2d`) in a file in which others have one. A file without any counter predates the
  /// counters and is no evidence, unless its names are those of the detectors of Detectron2 or torchvision, which are
  /// younger than the counters and freeze the norms of their backbones.
  public var frozenBatchNorms: [BatchNormLayer] {
    let uncounted = batchNorms.filter { description.checkpoint.spec($0.numBatchesTrackedKey) == nil }
    if uncounted.count < batchNorms.count { return uncounted }
    return uncounted.filter { Self.isInBackboneOfDetector($0.name) }
  }

  /// True for a norm within a backbone of Detectron2, such as `backbone.bottom_up.res2.0.conv1.norm` or
  /// `backbone.res2.0.conv1.norm`, or of torchvision's detectors, such as `backbone.body.layer1.0.bn1`.
  static func isInBackboneOfDetector(_ name: String) -> Bool {
    let parts = name.utf8.split(separator: UInt8(ascii: ".")).map { TensorName(String(Substring($0))) }
    guard let place = parts.firstIndex(of: "backbone"), let part = parts.dropFirst(place + 1).first else {
      return false
    }
    if part == "body" { return true }
    return parts.last == "norm" && ["bottom_up", "stem", "res2", "res3", "res4", "res5"].contains(part)
  }

  /// The other BatchNorms, in execution order: the ones to recalibrate.
  public var trainedBatchNorms: [BatchNormLayer] {
    let frozen = Set(frozenBatchNorms)
    return batchNorms.filter { !frozen.contains($0) }
  }

  /// The statistics of all BatchNorms in execution order as a checkpoint's types will hold them, the stored ones for
  /// layers that were not recalibrated: what is measured with them is what is written.
  ///
  /// - Parameters:
  ///   - calibration: new statistics.
  ///   - source: the checkpoint that the network was built from.
  /// - Throws: `CalibrationError.noImages`, `CheckpointError.unrepresentable`.
  public func rounded(
    _ calibration: Calibration, in source: any CheckpointSource
  ) throws -> [RunningStatistics] {
    let tensors = try stored(calibration.statistics(), batchCount: calibration.batchCount, in: source)
    return try zip(batchNorms, runningStatistics).map { layer, old in
      guard let mean = tensors[layer.runningMeanKey], let variance = tensors[layer.runningVarKey] else {
        return old
      }
      return RunningStatistics(mean: try mean.doubles(), variance: try variance.doubles())
    }
  }

  /// The tensors that store statistics in a checkpoint, in the shapes and types that they have there.
  ///
  /// - Parameters:
  ///   - statistics: layers and their new statistics; rounded once to the checkpoint's types.
  ///   - batchCount: new value of `num_batches_tracked` where the checkpoint has it.
  ///   - source: the checkpoint that the network was built from.
  /// - Throws: `CheckpointError.unrepresentable` for values beyond the range of the checkpoint's type.
  public func stored(
    _ statistics: [(layer: BatchNormLayer, statistics: RunningStatistics)], batchCount: Int,
    in source: any CheckpointSource
  ) throws -> [TensorName: TensorValue] {
    var tensors: [TensorName: TensorValue] = [:]
    for (layer, new) in statistics {
      for (key, values) in [(layer.runningMeanKey, new.mean), (layer.runningVarKey, new.variance)] {
        let old = try parameter(key)
        tensors[key] = try TensorValue(doubles: values, shape: old.shape, dtype: old.dtype, name: key)
      }
      let counter = layer.numBatchesTrackedKey
      if source.spec(counter) != nil {
        tensors[counter] = TensorValue(i64: [Int64(batchCount)], shape: [])
      }
    }
    return tensors
  }
}
