import NetworkGraphs
import Platform
import TensorMath

/// LayerNorm and RMSNorm of every pixel: y = w·x̂ + b with x̂ = (x − mean) / √(variance + ε).
///
/// With g = w·dy, dx = (g − mean(g) − x̂·mean(g·x̂)) / √(variance + ε) over the channels of a group; without subtraction
/// of the mean the term mean(g) is not there.
final class LayerNormGradient: LayerGradient {
  private let norm: LayerNorm
  private let weight: TrainableTensor?
  private let bias: TrainableTensor?
  /// x̂ of the last forward pass, and 1/√(variance + ε) for every row and group.
  private var normalized: FeatureMap?
  private var inverse: BufferPool.Lease?

  init(_ norm: LayerNorm, weight: TrainableTensor?, bias: TrainableTensor?) {
    self.norm = norm
    self.weight = weight
    self.bias = bias
  }

  func forward(_ x: [FeatureMap], into y: FeatureMap, _ pass: TuningPass) {
    let channels = y.channels / norm.groups
    let normalized = FeatureMap(pass.buffers, images: y.images, size: y.size)
    let inverse = pass.buffers.lease(y.rows * norm.groups)
    (self.normalized, self.inverse) = (normalized, inverse)
    let factors = inverse.buffer.pointer
    pass.pool.eachBlock(of: y.rows * norm.groups, 16) { rows, _ in
      for row in rows {
        let (from, hat, to) = (
          x[0].pointer + row * channels, normalized.pointer + row * channels, y.pointer + row * channels
        )
        var mean = 0.0
        if !norm.keepsMean {
          for channel in 0..<channels { mean += Double(from[channel]) }
          mean /= Double(channels)
        }
        var variance = 0.0
        for channel in 0..<channels {
          let deviation = Double(from[channel]) - mean
          variance += deviation * deviation
        }
        let factor = Float(1 / (variance / Double(channels) + Double(norm.eps)).squareRoot())
        factors[row] = factor
        for channel in 0..<channels {
          let value = (from[channel] - Float(mean)) * factor
          hat[channel] = value
          to[channel] = value * (weight?.value.pointer[channel] ?? 1) + (bias?.value.pointer[channel] ?? 0)
        }
      }
    }
  }

  func backward(
    _ x: [FeatureMap], _ y: FeatureMap, by dy: FeatureMap, into dx: [FeatureMap?], _ pass: TuningPass
  ) {
    guard let normalized, let inverse else { preconditionFailure("backward before forward") }
    let (rows, channels) = (dy.rows * norm.groups, dy.channels / norm.groups)
    if let gradient = weight?.gradient {
      ColumnSums.add(rows: rows, channels: channels, pass.pool, into: gradient.pointer) {
        dy.pointer[$0 * channels + $1] * normalized.pointer[$0 * channels + $1]
      }
    }
    if let gradient = bias?.gradient {
      ColumnSums.add(rows: rows, channels: channels, pass.pool, into: gradient.pointer) {
        dy.pointer[$0 * channels + $1]
      }
    }
    if let dx = dx[0] {
      let factors = inverse.buffer.pointer
      pass.pool.eachBlock(of: rows, 16) { block, _ in
        for row in block {
          let (slope, hat, to) = (
            dy.pointer + row * channels, normalized.pointer + row * channels, dx.pointer + row * channels
          )
          func slopeOfNormalized(_ channel: Int) -> Float {
            slope[channel] * (weight?.value.pointer[channel] ?? 1)
          }
          var (plain, along) = (0.0, 0.0)
          for channel in 0..<channels {
            let value = Double(slopeOfNormalized(channel))
            plain += value
            along += value * Double(hat[channel])
          }
          let shift = norm.keepsMean ? 0 : Float(plain / Double(channels))
          let tilt = Float(along / Double(channels))
          for channel in 0..<channels {
            to[channel] += factors[row] * (slopeOfNormalized(channel) - shift - hat[channel] * tilt)
          }
        }
      }
    }
    (self.normalized, self.inverse) = (nil, nil)
  }
}
