import NetworkGraphs
import Platform

/// A pointwise nonlinearity.
final class ActivationGradient: LayerGradient {
  private let activation: Activation

  init(_ activation: Activation) { self.activation = activation }

  func forward(_ x: [FeatureMap], into y: FeatureMap, _ pass: TuningPass) {
    let (x, channels) = (x[0], y.channels)
    pass.pool.eachBlock(of: y.rows, 64) { rows, _ in
      Pointwise(activation: activation).apply(
        pass.kernels, to: y.pointer + rows.lowerBound * channels, stride: channels,
        from: x.pointer + rows.lowerBound * channels, fromStride: channels, residual: nil, residualStride: 0,
        rows: rows.count, channels: channels)
    }
  }

  func backward(
    _ x: [FeatureMap], _ y: FeatureMap, by dy: FeatureMap, into dx: [FeatureMap?], _ pass: TuningPass
  ) {
    guard let dx = dx[0] else { return }
    let (x, slopes, target) = (x[0].pointer, dy.pointer, dx.pointer)
    pass.pool.eachBlock(of: dy.images * dy.size.count, 1 << 12) { range, _ in
      switch activation {
      case .identity: for index in range { target[index] += slopes[index] }
      // Zeros rather than branches, so that these become vector instructions.
      case .relu: for index in range { target[index] += x[index] > 0 ? slopes[index] : 0 }
      case .relu6: for index in range { target[index] += x[index] > 0 && x[index] < 6 ? slopes[index] : 0 }
      default: for index in range { target[index] += slopes[index] * activation.slope(at: x[index]) }
      }
    }
  }
}

extension Activation {
  /// The derivative at `x`; at a kink, PyTorch's choice.
  func slope(at x: Float) -> Float {
    switch self {
    case .identity: return 1
    case .relu: return x > 0 ? 1 : 0
    case .relu6: return x > 0 && x < 6 ? 1 : 0
    case .sigmoid:
      let value = Self.logistic(x)
      return value * (1 - value)
    case .silu:
      let value = Self.logistic(x)
      return value * (1 + x * (1 - value))
    case .hardsigmoid: return x > -3 && x < 3 ? 1 / 6 : 0
    case .hardswish: return x <= -3 ? 0 : x >= 3 ? 1 : x / 3 + 0.5
    case .gelu:
      let share = 0.5 * (1 + erff(x * Float(0.5).squareRoot()))
      return share + x * expf(-0.5 * x * x) / (2 * Float.pi).squareRoot()
    case .geluTanh:
      let (factor, cubic) = ((2 / Float.pi).squareRoot(), Float(0.044715))
      let tangent = tanhf(factor * (x + cubic * x * x * x))
      return 0.5 * (1 + tangent) + 0.5 * x * (1 - tangent * tangent) * factor * (1 + 3 * cubic * x * x)
    case .quickGelu:
      let value = Self.logistic(1.702 * x)
      return value * (1 + 1.702 * x * (1 - value))
    }
  }

  private static func logistic(_ x: Float) -> Float { 1 / (1 + expf(-x)) }
}
