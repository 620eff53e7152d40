import NetworkGraphs
import Platform
import TensorMath

/// A convolution of every channel on its own.
final class DepthwiseGradient: LayerGradient {
  private let window: Window
  private let weight: TrainableTensor
  private let bias: TrainableTensor?
  /// `[tap][channel]`; nil where it has to be made anew.
  private var packed: Tensor?

  init(_ convolution: Convolution, weight: TrainableTensor, bias: TrainableTensor?) {
    window = convolution.window
    self.weight = weight
    self.bias = bias
  }

  func weightsChanged() { packed = nil }

  private static let rowsAtOnce = 64

  func forward(_ x: [FeatureMap], into y: FeatureMap, _ pass: TuningPass) {
    let (x, channels) = (x[0], y.channels)
    let (taps, weights) = (WindowTaps(window, input: x.size, output: y.size), packedWeight(channels))
    pass.pool.eachBlock(of: y.rows, Self.rowsAtOnce) { rows, _ in
      for row in rows {
        let target = y.pointer + row * channels
        if let bias {
          target.update(from: bias.value.pointer, count: channels)
        } else {
          target.update(repeating: 0, count: channels)
        }
        for tap in 0..<window.taps {
          guard let source = taps.source(row, tap: tap) else { continue }
          let (from, factors) = (x.pointer + source * channels, weights.pointer + tap * channels)
          for channel in 0..<channels { target[channel] += from[channel] * factors[channel] }
        }
      }
    }
  }

  func backward(
    _ x: [FeatureMap], _ y: FeatureMap, by dy: FeatureMap, into dx: [FeatureMap?], _ pass: TuningPass
  ) {
    let (x, channels) = (x[0], dy.channels)
    let (taps, weights) = (WindowTaps(window, input: x.size, output: dy.size), packedWeight(channels))
    if let gradient = weight.gradient {
      pass.pool.eachBlock(of: channels, ColumnSums.block) { range, _ in
        for tap in 0..<window.taps {
          ColumnSums.eachRow(rows: dy.rows, range) { row, sums in
            guard let source = taps.source(row, tap: tap) else { return }
            let (a, b) = (dy.pointer + row * channels, x.pointer + source * channels)
            for channel in range { sums[channel - range.lowerBound] += a[channel] * b[channel] }
          } _: { channel, sum in
            gradient.pointer[channel * window.taps + tap] += Float(sum)
          }
        }
      }
    }
    if let gradient = bias?.gradient {
      ColumnSums.add(rows: dy.rows, channels: channels, pass.pool, into: gradient.pointer) {
        dy.pointer[$0 * channels + $1]
      }
    }
    guard let dx = dx[0] else { return }
    pass.pool.eachBlock(of: dx.rows, Self.rowsAtOnce) { rows, _ in
      for row in rows {
        let target = dx.pointer + row * channels
        for tap in 0..<window.taps {
          guard let source = taps.target(row, tap: tap) else { continue }
          let (from, factors) = (dy.pointer + source * channels, weights.pointer + tap * channels)
          for channel in 0..<channels { target[channel] += from[channel] * factors[channel] }
        }
      }
    }
  }

  private func packedWeight(_ channels: Int) -> Tensor {
    if let packed { return packed }
    let result = Tensor(uninitialized: [window.taps, channels])
    for channel in 0..<channels {
      for tap in 0..<window.taps {
        result.pointer[tap * channels + channel] = weight.value.pointer[channel * window.taps + tap]
      }
    }
    packed = result
    return result
  }
}
