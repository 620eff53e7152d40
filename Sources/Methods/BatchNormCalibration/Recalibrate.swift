import ImageData
import NetworkExecution
import NetworkGraphs

/// Recalibrates the BatchNorms of a network on the images of a loader, once for each of the loader's views.
///
/// Every batch normalises with its own statistics on its way (as in training); the moments that each layer sees are
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
///   - network: Computes as `ComputeOptions.statistics` says, so that rounding does not grow through its layers.
///   - loader: Gives the batches in the order of the data.
///   - layers: The layers meant, in execution order; nil is all that training had not frozen.
///   - estimator: How batches combine.
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
  try measureBatches(of: loader, through: network, layers: layers ?? network.trainedBatchNorms) { view, moments in
    try calibrations[view].add(moments)
    onBatch(moments.imageCount)
  }
  return calibrations
}

/// Passes the batches of a loader through a network, each on its own, without combining what they show.
///
/// - Parameters:
///   - layers: The layers meant, in execution order; the others normalise with their running statistics.
///   - numbers: The batches' places in the order of the data; nil counts from 0.
///   - prepare: Changes a batch before it is measured, such as by mixing its images.
///   - observe: Gets every batch of every view: the view's index and the moments.
/// - Throws: `CalibrationError`; errors of loading; what `observe` throws.
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
