import Platform

/// The nonlinearity between the last BatchNorm and the pooling.
public enum TailActivation: String, Sendable, CaseIterable {
  /// z.
  case identity
  /// max(z, 0).
  case relu
  /// min(max(z, 0), 6).
  case relu6
  /// z·σ(z) with the logistic function σ.
  case silu
  /// z·min(max(z + 3, 0), 6)/6.
  case hardswish
}

/// Value and derivative of an activation on eight lanes, as a type so that the tail's kernel is specialized.
protocol ActivationFunction {
  /// The value and the derivative at `z`; at a kink, PyTorch's choice of derivative.
  static func evaluate(_ z: SIMD8<Float>) -> (value: SIMD8<Float>, slope: SIMD8<Float>)
}

enum Identity: ActivationFunction {
  @inline(__always)
  static func evaluate(_ z: SIMD8<Float>) -> (value: SIMD8<Float>, slope: SIMD8<Float>) {
    (z, SIMD8(repeating: 1))
  }
}

enum ReLU: ActivationFunction {
  @inline(__always)
  static func evaluate(_ z: SIMD8<Float>) -> (value: SIMD8<Float>, slope: SIMD8<Float>) {
    let isPositive = z .> 0
    // The comparison is false for NaN, which must not vanish: only values at or below zero become zero.
    return (z.replacing(with: 0, where: z .<= 0), SIMD8(repeating: 0).replacing(with: 1, where: isPositive))
  }
}

enum ReLU6: ActivationFunction {
  @inline(__always)
  static func evaluate(_ z: SIMD8<Float>) -> (value: SIMD8<Float>, slope: SIMD8<Float>) {
    let isLinear = (z .> 0) .& (z .< 6)
    let value = z.replacing(with: 0, where: z .<= 0).replacing(with: 6, where: z .>= 6)
    return (value, SIMD8(repeating: 0).replacing(with: 1, where: isLinear))
  }
}

enum SiLU: ActivationFunction {
  @inline(__always)
  static func evaluate(_ z: SIMD8<Float>) -> (value: SIMD8<Float>, slope: SIMD8<Float>) {
    var sigmoid = SIMD8<Float>()
    for lane in 0..<8 { sigmoid[lane] = 1 / (1 + expf(-z[lane])) }
    return (z * sigmoid, sigmoid * (1 + z * (1 - sigmoid)))
  }
}

enum Hardswish: ActivationFunction {
  @inline(__always)
  static func evaluate(_ z: SIMD8<Float>) -> (value: SIMD8<Float>, slope: SIMD8<Float>) {
    let gate = (z + 3).clamped(lowerBound: SIMD8(repeating: 0), upperBound: SIMD8(repeating: 6)) / 6
    let isBelow = z .<= -3
    let isAbove = z .>= 3
    let slope = (z / 3 + 0.5).replacing(with: 0, where: isBelow).replacing(with: 1, where: isAbove)
    return (z * gate, slope)
  }
}
