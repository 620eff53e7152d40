import TensorMath

/// An exponential moving average of the batches' means and unbiased variances, in float64, started from the first
/// batch, not from zero mean and unit variance.
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
