import NetworkGraphs
import Platform
import Statistics
import TensorMath

/// BatchNorm: y = γ·x̂ + β with x̂ = (x − mean) / √(variance + ε).
///
/// With running statistics dx = γ·dy / √(variance + ε). With the batch's, which depend on x, the parts of dy along 1 and
/// x̂ vanish (Ioffe, Szegedy 2015, section 3): dx = γ / √(variance + ε) · (dy − mean(dy) − x̂·mean(dy·x̂)). In both,
/// dγ = Σ dy·x̂ and dβ = Σ dy. Moments are float64.
final class BatchNormGradient: LayerGradient {
  let layer: BatchNormLayer
  /// Statistics of the checkpoint, or those that training has left.
  var running: RunningStatistics
  /// Moments of all batches since the last reset, for recalibration; nil where they are not collected.
  var collected: ChannelMoments?

  private let gamma: TrainableTensor?
  private let beta: TrainableTensor?
  private let mean: Tensor
  private let inverse: Tensor
  /// γ, or ones.
  private let scale: Tensor
  private var usedBatch = false

  init(_ layer: BatchNormLayer, _ running: RunningStatistics, gamma: TrainableTensor?, beta: TrainableTensor?)
  {
    self.layer = layer
    self.running = running
    self.gamma = gamma
    self.beta = beta
    mean = Tensor(shape: [layer.channels])
    inverse = Tensor(shape: [layer.channels])
    scale = Tensor(shape: [layer.channels])
  }

  func forward(_ x: [FeatureMap], into y: FeatureMap, _ pass: TuningPass) {
    let x = x[0]
    switch pass.normalization {
    case .running:
      usedBatch = false
      use(running)
    case .batch(let movesRunning):
      usedBatch = true
      let moments = Self.moments(of: x, pass.pool)
      use(RunningStatistics(mean: moments.mean, variance: moments.biasedVariance))
      collected?.merge(moments)
      if movesRunning {
        // PyTorch normalizes with the biased variance and keeps the unbiased one.
        running = running.mixed(
          with: RunningStatistics(mean: moments.mean, variance: moments.unbiasedVariance),
          weight: layer.momentum)
      }
    }
    let channels = x.channels
    pass.pool.eachBlock(of: x.rows, 64) { rows, _ in
      let (mean, inverse, scale) = (self.mean.pointer, self.inverse.pointer, self.scale.pointer)
      for row in rows {
        let (from, to) = (x.pointer + row * channels, y.pointer + row * channels)
        if let shift = beta?.value.pointer {
          for channel in 0..<channels {
            to[channel] = (from[channel] - mean[channel]) * inverse[channel] * scale[channel] + shift[channel]
          }
        } else {
          for channel in 0..<channels {
            to[channel] = (from[channel] - mean[channel]) * inverse[channel] * scale[channel]
          }
        }
      }
    }
  }

  private func use(_ statistics: RunningStatistics) {
    for channel in 0..<layer.channels {
      mean.pointer[channel] = Float(statistics.mean[channel])
      inverse.pointer[channel] = Float(1 / (statistics.variance[channel] + layer.eps).squareRoot())
      scale.pointer[channel] = gamma?.value.pointer[channel] ?? 1
    }
  }

  /// Count, means and squared deviations over all pixels of the batch, in two passes.
  private static func moments(of x: FeatureMap, _ pool: ThreadPool) -> ChannelMoments {
    let (rows, channels, values) = (x.rows, x.channels, x.pointer)
    var means = [Double](repeating: 0, count: channels)
    var squares = means
    means.withUnsafeMutableBufferPointer { means in
      squares.withUnsafeMutableBufferPointer { squares in
        pool.eachBlock(of: channels, ColumnSums.block) { range, _ in
          ColumnSums.each(rows: rows, range) {
            values[$0 * channels + $1]
          } _: {
            means[$0] = $1 / Double(rows)
          }
          // Deviations are from the rounded mean, whose own deviation is taken off afterwards.
          ColumnSums.each(rows: rows, range) { row, channel in
            let deviation = values[row * channels + channel] - Float(means[channel])
            return deviation * deviation
          } _: { channel, sum in
            let rest = means[channel] - Double(Float(means[channel]))
            squares[channel] = max(0, sum - Double(rows) * rest * rest)
          }
        }
      }
    }
    return ChannelMoments(count: Double(rows), mean: means, m2: squares)
  }

  func backward(
    _ x: [FeatureMap], _ y: FeatureMap, by dy: FeatureMap, into dx: [FeatureMap?], _ pass: TuningPass
  ) {
    let (x, rows, channels) = (x[0], dy.rows, dy.channels)
    let sums = Tensor(shape: [2, channels])
    let (byBeta, byGamma) = (sums.pointer, sums.pointer + channels)
    let (values, slopes, mean, inverse) = (x.pointer, dy.pointer, self.mean.pointer, self.inverse.pointer)
    ColumnSums.add(rows: rows, channels: channels, pass.pool, into: byBeta) { slopes[$0 * channels + $1] }
    ColumnSums.add(rows: rows, channels: channels, pass.pool, into: byGamma) { row, channel in
      let at = row * channels + channel
      return slopes[at] * (values[at] - mean[channel]) * inverse[channel]
    }
    for channel in 0..<channels {
      gamma?.gradient?.pointer[channel] += byGamma[channel]
      beta?.gradient?.pointer[channel] += byBeta[channel]
    }
    guard let dx = dx[0] else { return }
    let share = 1 / Float(rows)
    pass.pool.eachBlock(of: rows, 64) { block, _ in
      let scale = self.scale.pointer
      for row in block {
        let (from, slope, to) = (
          values + row * channels, slopes + row * channels, dx.pointer + row * channels
        )
        if usedBatch {
          for channel in 0..<channels {
            let normalized = (from[channel] - mean[channel]) * inverse[channel]
            let rest = slope[channel] - share * (byBeta[channel] + normalized * byGamma[channel])
            to[channel] += scale[channel] * inverse[channel] * rest
          }
        } else {
          for channel in 0..<channels { to[channel] += scale[channel] * inverse[channel] * slope[channel] }
        }
      }
    }
    withExtendedLifetime(sums) {}
  }
}
