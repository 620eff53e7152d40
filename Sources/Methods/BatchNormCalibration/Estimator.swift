import NetworkExecution
import Statistics

/// A way to turn the moments of successive batches into running statistics.
///
/// Batches are added in the order of the data; the result may depend on that order only through rounding
/// (and, for `momentum`, by definition).
protocol StatisticsEstimator: Sendable {
  /// - Parameter batch: count, mean and sum of squared deviations of one batch, over all positions of its
  ///   images.
  mutating func add(_ batch: ChannelMoments)

  /// The statistics of all batches added so far; undefined before the first.
  var statistics: RunningStatistics { get }
}

/// The available estimators, by their names in options and reports.
public enum Estimator: String, CaseIterable, Sendable {
  /// Mean and biased variance of all positions of all images.
  case pooled
  /// The plain average of the batches' means and unbiased variances.
  case batchMean = "batch-mean"
  /// The values that `torch.optim.swa_utils.update_bn` stores, in float32.
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

/// Mean and biased variance of the whole population, every position of every image counting once.
///
/// Float64 throughout; moments are merged pairwise (Chan, Golub and LeVeque 1983), which keeps the variance
/// accurate where a mean of squares would cancel. Equals fvcore's `update_bn_stats` in exact arithmetic.
struct PooledEstimator: StatisticsEstimator {
  private var moments: ChannelMoments

  init(channels: Int) { moments = ChannelMoments(channels: channels) }

  mutating func add(_ batch: ChannelMoments) { moments.merge(batch) }

  var statistics: RunningStatistics {
    RunningStatistics(mean: moments.mean, variance: moments.biasedVariance)
  }
}

/// The plain average of the batches' means and unbiased variances, in float64.
///
/// Ioffe and Szegedy 2015, algorithm 2 (Var = m/(m−1)·E[σ²]). The variance between batches is lost and a
/// partial last batch weighs as much as a full one.
struct BatchMeanEstimator: StatisticsEstimator {
  private var batches = 0.0
  private(set) var statistics: RunningStatistics

  init(channels: Int) {
    let zero = [Double](repeating: 0, count: channels)
    statistics = RunningStatistics(mean: zero, variance: zero)
  }

  mutating func add(_ batch: ChannelMoments) {
    batches += 1
    let variance = batch.unbiasedVariance
    for channel in batch.mean.indices {
      statistics.mean[channel] += (batch.mean[channel] - statistics.mean[channel]) / batches
      statistics.variance[channel] += (variance[channel] - statistics.variance[channel]) / batches
    }
  }
}

/// The values that `torch.optim.swa_utils.update_bn` stores: BatchNorm's cumulative average (`momentum=None`)
/// in float32.
///
/// Equals `BatchMeanEstimator`, but with PyTorch's update running = (1 − f)·running + f·batch, f = 1 /
/// num_batches_tracked, and its rounding.
struct TorchEstimator: StatisticsEstimator {
  private var batches = 0
  private var mean: [Float]
  private var variance: [Float]

  init(channels: Int) {
    mean = Array(repeating: 0, count: channels)
    variance = Array(repeating: 1, count: channels)
  }

  mutating func add(_ batch: ChannelMoments) {
    batches += 1
    update(batch, factor: Float(1 / Double(batches)))
  }

  var statistics: RunningStatistics {
    RunningStatistics(mean: mean.map(Double.init), variance: variance.map(Double.init))
  }

  private mutating func update(_ batch: ChannelMoments, factor: Float) {
    let unbiased = batch.unbiasedVariance
    for channel in mean.indices {
      mean[channel] = (1 - factor) * mean[channel] + factor * Float(batch.mean[channel])
      variance[channel] = (1 - factor) * variance[channel] + factor * Float(unbiased[channel])
    }
  }
}

/// An exponential moving average of the batches' means and unbiased variances, in float64, started from the
/// first batch instead of zero mean and unit variance.
struct MomentumEstimator: StatisticsEstimator {
  private let momentum: Double
  private var isEmpty = true
  private(set) var statistics: RunningStatistics

  init(channels: Int, momentum: Double) {
    self.momentum = momentum
    let zero = [Double](repeating: 0, count: channels)
    statistics = RunningStatistics(mean: zero, variance: zero)
  }

  mutating func add(_ batch: ChannelMoments) {
    let factor = isEmpty ? 1 : momentum
    isEmpty = false
    let variance = batch.unbiasedVariance
    for channel in batch.mean.indices {
      statistics.mean[channel] += factor * (batch.mean[channel] - statistics.mean[channel])
      statistics.variance[channel] += factor * (variance[channel] - statistics.variance[channel])
    }
  }
}
