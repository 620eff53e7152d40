import CKernels
import NetworkGraphs

extension Activation {
  var kernelCode: ck_activation {
    switch self {
    case .identity: ck_identity
    case .relu: ck_relu
    case .relu6: ck_relu6
    case .sigmoid: ck_sigmoid
    case .silu: ck_silu
    case .hardsigmoid: ck_hard_sigmoid
    case .hardswish: ck_hard_swish
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
