import NetworkGraphs
import Platform
import TensorMath

/// Destinations of one image's results, one value per channel.
struct PooledOutputs {
  /// Mean over the positions of a(z + residual).
  let value: UnsafeMutablePointer<SIMD8<Float>>
  /// Mean of a'(z + residual): the derivative of `value` by β.
  let byBeta: UnsafeMutablePointer<SIMD8<Float>>
  /// Mean of a'(z + residual)·x̂: the derivative of `value` by γ.
  let byGamma: UnsafeMutablePointer<SIMD8<Float>>
}

/// BatchNorm, residual, activation and global average pooling of one image in one pass.
///
/// The input and its statistics do not depend on the trained parameters, so that the pooled value and two
/// more averages are all that the backward pass needs; it never reads the map again.
enum TailKernel {
  static func run(
    _ activation: Activation, _ features: FeatureMaps, image: Int, affine: TailNormalization,
    into out: PooledOutputs
  ) {
    switch activation {
    case .identity: run(Identity.self, features, image: image, affine: affine, into: out)
    case .relu: run(ReLU.self, features, image: image, affine: affine, into: out)
    case .relu6: run(ReLU6.self, features, image: image, affine: affine, into: out)
    case .sigmoid: run(Sigmoid.self, features, image: image, affine: affine, into: out)
    case .silu: run(SiLU.self, features, image: image, affine: affine, into: out)
    case .hardsigmoid: run(HardSigmoid.self, features, image: image, affine: affine, into: out)
    case .hardswish: run(Hardswish.self, features, image: image, affine: affine, into: out)
    case .gelu: run(GELU.self, features, image: image, affine: affine, into: out)
    case .geluTanh: run(TanhGELU.self, features, image: image, affine: affine, into: out)
    case .quickGelu: run(QuickGELU.self, features, image: image, affine: affine, into: out)
    }
  }

  private static func run<Function: ActivationFunction>(
    _ function: Function.Type, _ features: FeatureMaps, image: Int, affine: TailNormalization,
    into out: PooledOutputs
  ) {
    let shape = features.shape
    switch shape.element {
    case .f32: run(function, features.blocks(Float32Lanes.self, of: image), shape, affine, out)
    case .f16: run(function, features.blocks(Float16Lanes.self, of: image), shape, affine, out)
    case .bf16: run(function, features.blocks(BFloat16Lanes.self, of: image), shape, affine, out)
    }
  }

  private static func run<Function: ActivationFunction, Stored: StoredLanes>(
    _ function: Function.Type, _ blocks: UnsafePointer<Stored>, _ shape: FeatureShape,
    _ affine: TailNormalization, _ out: PooledOutputs
  ) {
    let scale = 1 / Float(shape.positions)
    let means = affine.mean.vectors()
    let invStds = affine.invStd.vectors()
    let gammas = affine.gamma.vectors()
    let betas = affine.beta.vectors()
    var block = blocks
    for index in 0..<shape.stride / FeatureShape.lanes {
      let mean = means[index]
      let invStd = invStds[index]
      let gamma = gammas[index]
      let beta = betas[index]
      var value = SIMD8<Float>.zero
      var byBeta = SIMD8<Float>.zero
      var byGamma = SIMD8<Float>.zero
      for position in 0..<shape.positions {
        let normalised = (block[position].decoded - mean) * invStd
        var z = normalised * gamma + beta
        if shape.hasResidual { z += block[shape.positions + position].decoded }
        let (a, slope) = Function.evaluate(z)
        value += a
        byBeta += slope
        byGamma += slope * normalised
      }
      out.value[index] = value * scale
      out.byBeta[index] = byBeta * scale
      out.byGamma[index] = byGamma * scale
      block += shape.runs
    }
  }
}

extension Tensor {
  /// The elements from `offset` on, eight at a time. The storage is aligned and `offset` a multiple of eight.
  func vectors(at offset: Int = 0) -> UnsafeMutablePointer<SIMD8<Float>> {
    UnsafeMutableRawPointer(pointer + offset).assumingMemoryBound(to: SIMD8<Float>.self)
  }
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

enum Sigmoid: ActivationFunction {
  @inline(__always)
  static func evaluate(_ z: SIMD8<Float>) -> (value: SIMD8<Float>, slope: SIMD8<Float>) {
    var sigmoid = SIMD8<Float>()
    for lane in 0..<8 { sigmoid[lane] = 1 / (1 + expf(-z[lane])) }
    return (sigmoid, sigmoid * (1 - sigmoid))
  }
}

enum SiLU: ActivationFunction {
  @inline(__always)
  static func evaluate(_ z: SIMD8<Float>) -> (value: SIMD8<Float>, slope: SIMD8<Float>) {
    let sigmoid = Sigmoid.evaluate(z).value
    return (z * sigmoid, sigmoid * (1 + z * (1 - sigmoid)))
  }
}

enum HardSigmoid: ActivationFunction {
  @inline(__always)
  static func evaluate(_ z: SIMD8<Float>) -> (value: SIMD8<Float>, slope: SIMD8<Float>) {
    let value = (z + 3).clamped(lowerBound: SIMD8(repeating: 0), upperBound: SIMD8(repeating: 6)) / 6
    let isInner = (z .> -3) .& (z .< 3)
    return (value, SIMD8(repeating: 0).replacing(with: 1 / 6, where: isInner))
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

enum GELU: ActivationFunction {
  @inline(__always)
  static func evaluate(_ z: SIMD8<Float>) -> (value: SIMD8<Float>, slope: SIMD8<Float>) {
    var share = SIMD8<Float>()
    var density = SIMD8<Float>()
    for lane in 0..<8 {
      share[lane] = 0.5 * (1 + erff(z[lane] * Float(0.5).squareRoot()))
      density[lane] = expf(-0.5 * z[lane] * z[lane]) / (2 * Float.pi).squareRoot()
    }
    return (z * share, share + z * density)
  }
}

enum TanhGELU: ActivationFunction {
  @inline(__always)
  static func evaluate(_ z: SIMD8<Float>) -> (value: SIMD8<Float>, slope: SIMD8<Float>) {
    let factor = (2 / Float.pi).squareRoot()
    let cubic: Float = 0.044715
    let argument = factor * (z + cubic * z * z * z)
    var tangent = SIMD8<Float>()
    for lane in 0..<8 { tangent[lane] = tanhf(argument[lane]) }
    let share = 0.5 * (1 + tangent)
    return (z * share, share + 0.5 * z * (1 - tangent * tangent) * factor * (1 + 3 * cubic * z * z))
  }
}

enum QuickGELU: ActivationFunction {
  @inline(__always)
  static func evaluate(_ z: SIMD8<Float>) -> (value: SIMD8<Float>, slope: SIMD8<Float>) {
    let sigmoid = Sigmoid.evaluate(1.702 * z).value
    return (z * sigmoid, sigmoid * (1 + 1.702 * z * (1 - sigmoid)))
  }
}
