import TensorMath

/// An exponential moving average of the batches' means and unbiased variances with BatchNorm's usual momentum 0.1,
/// in float64, debiased: started from the first batch, not from zero mean and unit variance.
struct MomentumEstimator: StatisticsEstimator {
  static let momentum = 0.1

  private var isEmpty = true
  private(set) var statistics: RunningStatistics

  init(channels: Int) {
    let zero = [Double](repeating: 0, count: channels)
    statistics = RunningStatistics(mean: zero, variance: zero)
  }

  mutating func add(_ batch: ChannelMoments) {
    let factor = isEmpty ? 1 : Self.momentum
    isEmpty = false
    let variance = batch.unbiasedVariance
    for channel in batch.mean.indices {
      statistics.mean[channel] += factor * (batch.mean[channel] - statistics.mean[channel])
      statistics.variance[channel] += factor * (variance[channel] - statistics.variance[channel])
    }
  }
}
