import TensorMath

/// A way to turn the moments of successive batches into running statistics.
///
/// Batches are added in the order of the data; the result may depend on that order only through rounding
/// (and, for `momentum`, by definition).
protocol StatisticsEstimator: Sendable {
  /// - Parameter batch: count, mean and sum of squared deviations of one batch, over all positions of its images.
  mutating func add(_ batch: ChannelMoments)

  /// The statistics of all batches added so far; meaningless before the first.
  var statistics: RunningStatistics { get }
}

/// The estimators by the names of the command line.
public enum Estimator: String, CaseIterable, Sendable {
  /// Mean and biased variance of all positions of all images.
  case pooled
  /// The plain average of the batches' means and unbiased variances.
  case batchMean = "batch-mean"
  /// What `torch.optim.swa_utils.update_bn` stores, in float32.
  case torch
  /// An exponential moving average of the batches' means and unbiased variances.
  case momentum

  /// - Parameter momentum: weight of the newest batch in `momentum`'s average.
  func make(channels: Int, momentum: Double = 0.1) -> any StatisticsEstimator {
    switch self {
    case .pooled: PooledEstimator(channels: channels)
    case .batchMean: BatchMeanEstimator(channels: channels)
    case .torch: TorchEstimator(channels: channels)
    case .momentum: MomentumEstimator(channels: channels, momentum: momentum)
    }
  }
}
