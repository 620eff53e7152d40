import TensorMath

/// What `torch.optim.swa_utils.update_bn` stores: BatchNorm's own cumulative average (`momentum=None`) in float32.
///
/// The same average as `BatchMeanEstimator`, with PyTorch's update running = (1 − f)·running + f·batch,
/// f = 1 / num_batches_tracked, and its rounding.
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
