import TensorMath

/// Mean and biased variance of the whole population, every position of every image counting once.
///
/// Float64 throughout; moments are merged pairwise (Chan, Golub and LeVeque 1983), which keeps the variance
/// right where a mean of squares would cancel. Equals fvcore's `update_bn_stats` in exact arithmetic.
struct PooledEstimator: StatisticsEstimator {
  private var moments: ChannelMoments

  init(channels: Int) { moments = ChannelMoments(channels: channels) }

  mutating func add(_ batch: ChannelMoments) { moments.merge(batch) }

  var statistics: RunningStatistics {
    RunningStatistics(mean: moments.mean, variance: moments.biasedVariance)
  }
}
