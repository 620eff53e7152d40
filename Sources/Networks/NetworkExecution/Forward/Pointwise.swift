import CNetworkKernels
import NetworkGraphs

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
