import CNetworkKernels
import NetworkGraphs

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
