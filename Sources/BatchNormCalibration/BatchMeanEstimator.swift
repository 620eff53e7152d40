import TensorMath

/// The plain average of the batches' means and unbiased variances, in float64.
///
/// Ioffe and Szegedy 2015, algorithm 2 (Var = m/(m−1)·E[σ²]). The variance between batches is lost and a partial
/// last batch weighs as much as a full one.
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
