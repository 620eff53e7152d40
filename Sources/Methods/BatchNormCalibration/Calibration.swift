import NetworkExecution
import NetworkGraphs
import Platform

/// Combines the moments of batches into new running statistics for a network's BatchNorm layers.
///
/// ```swift
/// var calibration = try Calibration(network: network, estimator: .pooled, prior: 16)
/// try measureBatches(of: loader, through: network, layers: calibration.layers) { _, moments in
///   try calibration.add(moments)
/// }
/// let statistics = try calibration.networkStatistics()
/// ```
public struct Calibration: Sendable {
  /// The layers to recalibrate, in execution order.
  public let layers: [BatchNormLayer]
  /// Rule that combines the batches.
  public let estimator: Estimator
  /// Batches added so far.
  public private(set) var batchCount = 0
  /// Images added so far.
  public private(set) var imageCount = 0
  /// Number of images that the stored statistics count as.
  public let prior: Double
  private let network: Network
  private let stored: [RunningStatistics]
  private var estimators: [any StatisticsEstimator]

  /// An empty calibration.
  ///
  /// - Parameters:
  ///   - network: provides the stored statistics.
  ///   - layers: the layers to recalibrate, in execution order; nil is all that were not frozen in training.
  ///   - estimator: rule that combines the batches.
  ///   - prior: number N of images that the stored statistics count as next to the n added: the result is
  ///     N/(N+n)·stored + n/(N+n)·new for mean and variance (Schneider et al. 2020, equation 2); 0 leaves
  ///     them out.
  ///   - momentum: weight of the newest batch, for the `momentum` estimator.
  /// - Throws: `CalibrationError.noBatchNorm` for a network without BatchNorm.
  public init(
    network: Network, layers: [BatchNormLayer]? = nil, estimator: Estimator, prior: Double = 0,
    momentum: Double = 0.1
  ) throws {
    guard !network.batchNorms.isEmpty else {
      throw CalibrationError.noBatchNorm(architecture: network.architectureName)
    }
    let layers = layers ?? network.trainedBatchNorms
    self.layers = layers
    self.estimator = estimator
    self.prior = prior
    self.network = network
    let stored = Dictionary(
      uniqueKeysWithValues: zip(network.batchNorms.map(\.name), network.runningStatistics))
    self.stored = layers.map { stored[$0.name]! }
    estimators = layers.map { estimator.make(channels: $0.channels, momentum: momentum) }
  }

  /// Adds the next batch in the order of the data.
  ///
  /// - Throws: `CalibrationError.notFinite`, `.oneValuePerChannel`.
  public mutating func add(_ moments: BatchMoments) throws {
    for (index, batch) in moments.layers.enumerated() {
      try batch.check(layer: layers[index], batch: moments.batch)
      estimators[index].add(batch)
    }
    batchCount += 1
    imageCount += moments.imageCount
  }

  /// The statistics of all BatchNorms of the network in execution order, the stored ones for layers not
  /// recalibrated.
  ///
  /// - Throws: `CalibrationError.noImages`.
  public func networkStatistics() throws -> [RunningStatistics] {
    let new = Dictionary(
      uniqueKeysWithValues: try statistics().map { ($0.layer.name, $0.statistics) })
    return zip(network.batchNorms, network.runningStatistics).map { new[$0.name] ?? $1 }
  }

  /// The new statistics of the recalibrated layers, in execution order.
  ///
  /// - Throws: `CalibrationError.noImages` when nothing was added: zeros are never a result; `CalibrationError.notFinite`
  ///   when the moments are too large for their sums.
  public func statistics() throws -> [(layer: BatchNormLayer, statistics: RunningStatistics)] {
    guard batchCount > 0 else { throw CalibrationError.noImages }
    let weight = Double(imageCount) / (prior + Double(imageCount))
    return try layers.indices.map { index in
      let new = estimators[index].statistics
      for channel in new.mean.indices
      where !new.mean[channel].isFinite || !(0..<Double.infinity).contains(new.variance[channel]) {
        throw CalibrationError.notFinite(layer: layers[index].name, channel: channel, batch: nil)
      }
      return (layers[index], prior == 0 ? new : stored[index].mixed(with: new, weight: weight))
    }
  }
}

/// Reasons that statistics could not be computed. Nothing has been changed when one of these is thrown.
public enum CalibrationError: ClassifiedError, Equatable {
  /// The network has no BatchNorm layer.
  case noBatchNorm(architecture: String)
  /// All layers were frozen in training; `first` is one of them.
  case allFrozen(count: Int, first: String)
  /// A channel of a layer's input contains NaN or infinity; `batch` is nil where all images are taken
  /// together.
  case notFinite(layer: String, channel: Int, batch: Int?)
  /// A layer sees one value per channel, which has no variance; `batch` as in `notFinite`.
  case oneValuePerChannel(layer: String, batch: Int?)
  /// There are no images.
  case noImages

  /// One line that names layer and batch and says what to do.
  public var description: String {
    switch self {
    case .noBatchNorm(let architecture):
      "\(architecture) has no BatchNorm layer, the only norm with running statistics: there is nothing to recalibrate"
    case .allFrozen(let count, let first):
      "all \(count) BatchNorm layers were frozen in training (no step counter), the first is \"\(first)\": their statistics are meant to stay"
    case .notFinite(let layer, let channel, let batch):
      "layer \"\(layer)\"\(batch.map { ", batch \($0)" } ?? ""): NaN or infinity in channel \(channel)"
    case .oneValuePerChannel(let layer, let batch):
      "layer \"\(layer)\": \(batch.map { "batch \($0) has" } ?? "the images have") one value per channel, so there is no variance; use larger images, or a batch size that leaves no single image over"
    case .noImages: "no images to recalibrate with"
    }
  }
}
