import CNetworkKernels
import NetworkGraphs
import Platform

/// y = activation(x * scale + shift + residual), per channel.
struct Pointwise {
  var scale: [Float]?
  var shift: [Float]?
  var activation = Activation.identity

  var isIdentity: Bool { scale == nil && shift == nil && activation == .identity }

  /// Applies the function to `rows` pixels; `y` may be `x` or `residual`.
  /// - Parameter gate: Replaces `scale`.
  func apply(
    _ kernels: ck_layer_kernels, to y: UnsafeMutablePointer<Float>, stride: Int, from x: UnsafePointer<Float>,
    fromStride: Int, gate: UnsafePointer<Float>? = nil, residual: UnsafePointer<Float>?, residualStride: Int,
    rows: Int, channels: Int
  ) {
    withPointers { scale, shift in
      var job = ck_pointwise(
        y: y, y_stride: stride, x: x, x_stride: fromStride, residual: residual,
        residual_stride: residualStride,
        scale: gate ?? scale, shift: shift, rows: rows, channels: channels, activation: activation.kernelCode)
      kernels.pointwise(&job)
    }
  }

  /// Passes scale and shift in the kernels' form.
  func withPointers<Result>(
    _ body: (UnsafePointer<Float>?, UnsafePointer<Float>?) -> Result
  ) -> Result {
    func with(_ values: [Float]?, _ body: (UnsafePointer<Float>?) -> Result) -> Result {
      guard let values else { return body(nil) }
      return values.withUnsafeBufferPointer { body($0.baseAddress) }
    }
    return with(scale) { scale in with(shift) { shift in body(scale, shift) } }
  }
}

extension Executor {
  func function(_ step: PlanStep, _ function: PointwiseFunction, into output: FeatureMap) {
    let input = map(step.inputs[0])
    let size = output.size
    let slopes = network.parameters.factors[step.node]?.scale
    let isWhole = input.isContiguous && output.isContiguous
    pool.forEach(images * size.height) { task, _ in
      let (image, row) = (task / size.height, task % size.height)
      var (x, y) = (input.row(row, image: image), output.row(row, image: image))
      for _ in 0..<(isWhole ? 1 : size.width) {
        function.apply(to: y, from: x, count: (isWhole ? size.width : 1) * size.channels, slopes: slopes)
        x += input.stride
        y += output.stride
      }
    }
  }
}

extension PointwiseFunction {
  /// - Parameter slopes: Slopes of `parametricRelu`, one per channel.
  func apply(to y: UnsafeMutablePointer<Float>, from x: UnsafePointer<Float>, count: Int, slopes: [Float]?) {
    switch self {
    case .leakyRelu(let slope): each(y, x, count) { $0 < 0 ? $0 * slope : $0 }
    case .parametricRelu:
      guard let slopes else { preconditionFailure("slopes are loaded with the parameters") }
      for index in 0..<count {
        y[index] = x[index] < 0 ? x[index] * slopes[index % slopes.count] : x[index]
      }
    case .elu(let alpha): each(y, x, count) { $0 < 0 ? alpha * expm1f($0) : $0 }
    case .squaredRelu: each(y, x, count) { max($0, 0) * max($0, 0) }
    case .softplus: each(y, x, count, Self.softplus)
    case .mish: each(y, x, count) { $0 * tanhf(Self.softplus($0)) }
    case .tanh: each(y, x, count) { tanhf($0) }
    case .erf: each(y, x, count) { erff($0) }
    case .clip(let low, let high): each(y, x, count) { min(max($0, low), high) }
    case .hardSigmoid(let slope, let offset): each(y, x, count) { min(max(slope * $0 + offset, 0), 1) }
    case .sine: each(y, x, count) { sinf($0) }
    case .cosine: each(y, x, count) { cosf($0) }
    case .exponential: each(y, x, count) { expf($0) }
    case .logarithm: each(y, x, count) { logf($0) }
    case .squareRoot: each(y, x, count) { $0.squareRoot() }
    case .reciprocal: each(y, x, count) { 1 / $0 }
    case .absolute: each(y, x, count) { abs($0) }
    case .power(let exponent): each(y, x, count) { powf($0, exponent) }
    }
  }

  /// log(1 + e^x) without overflow.
  private static func softplus(_ x: Float) -> Float { max(x, 0) + log1pf(expf(-abs(x))) }

  @inline(__always)
  private func each(
    _ y: UnsafeMutablePointer<Float>, _ x: UnsafePointer<Float>, _ count: Int, _ function: (Float) -> Float
  ) {
    for index in 0..<count { y[index] = function(x[index]) }
  }
}

extension Activation {
  var kernelCode: ck_activation {
    switch self {
    case .identity: CK_IDENTITY
    case .relu: CK_RELU
    case .relu6: CK_RELU6
    case .sigmoid: CK_SIGMOID
    case .silu: CK_SILU
    case .hardsigmoid: CK_HARD_SIGMOID
    case .hardswish: CK_HARD_SWISH
    case .gelu: CK_GELU
    case .geluTanh: CK_GELU_TANH
    case .quickGelu: CK_QUICK_GELU
    }
  }
}

extension Window {
  /// The geometry on a map of the given size in the kernels' form, and the padding below and to the right.
  ///
  /// - Precondition: The map holds a window, which `Graph.sizes` has checked.
  func kernelGeometry(height: Int, width: Int) -> (window: ck_window, padBottom: Int, padRight: Int) {
    let geometry = geometry(height: height, width: width)!
    let window = ck_window(
      height: height, width: width, out_height: geometry.outputHeight, out_width: geometry.outputWidth,
      kernel_height: kernel.height, kernel_width: kernel.width, stride_y: stride.height,
      stride_x: stride.width, pad_top: geometry.padTop, pad_left: geometry.padLeft,
      dilation_y: dilation.height, dilation_x: dilation.width)
    return (window, geometry.padBottom, geometry.padRight)
  }
}
