import CKernels

/// A sliding window: its extent, step and padding.
struct Window: Sendable, Equatable {
  var kernel: (height: Int, width: Int)
  var stride: (height: Int, width: Int)
  var padding: Padding
  var dilation: (height: Int, width: Int)
  /// Whether a last, incomplete window counts (PyTorch's `ceil_mode`).
  var ceilMode: Bool

  init(
    kernel: (height: Int, width: Int), stride: (height: Int, width: Int) = (1, 1), padding: Padding = .all(0),
    dilation: (height: Int, width: Int) = (1, 1), ceilMode: Bool = false
  ) {
    self.kernel = kernel
    self.stride = stride
    self.padding = padding
    self.dilation = dilation
    self.ceilMode = ceilMode
  }

  /// A square window.
  init(_ kernel: Int, stride: Int = 1, padding: Int = 0, dilation: Int = 1, ceilMode: Bool = false) {
    self.init(
      kernel: (kernel, kernel), stride: (stride, stride), padding: .all(padding),
      dilation: (dilation, dilation),
      ceilMode: ceilMode)
  }

  static func == (a: Window, b: Window) -> Bool {
    a.kernel == b.kernel && a.stride == b.stride && a.padding == b.padding && a.dilation == b.dilation
      && a.ceilMode == b.ceilMode
  }

  /// Positions of the window.
  var taps: Int { kernel.height * kernel.width }

  /// Whether the window reads exactly the pixel it writes.
  var isPointwise: Bool { kernel == (1, 1) && stride == (1, 1) && padding == .all(0) }

  /// The geometry on a map of the given size, or nil where the map is too small for a single window.
  func geometry(height: Int, width: Int) -> Geometry? {
    guard
      let rows = Axis(
        size: height, kernel: kernel.height, stride: stride.height, dilation: dilation.height,
        padding: padding.amounts(
          vertical: true, size: height, kernel: kernel.height, stride: stride.height,
          dilation: dilation.height),
        ceilMode: ceilMode),
      let columns = Axis(
        size: width, kernel: kernel.width, stride: stride.width, dilation: dilation.width,
        padding: padding.amounts(
          vertical: false, size: width, kernel: kernel.width, stride: stride.width, dilation: dilation.width),
        ceilMode: ceilMode)
    else { return nil }
    return Geometry(
      window: ck_window(
        height: height, width: width, out_height: rows.output, out_width: columns.output,
        kernel_height: kernel.height, kernel_width: kernel.width, stride_y: stride.height,
        stride_x: stride.width, pad_top: rows.before, pad_left: columns.before, dilation_y: dilation.height,
        dilation_x: dilation.width),
      padBottom: rows.after, padRight: columns.after)
  }

  struct Geometry {
    var window: ck_window
    var padBottom: Int
    var padRight: Int
  }
}

/// One axis of a window on a map.
private struct Axis {
  let output: Int
  let before: Int
  let after: Int

  init?(
    size: Int, kernel: Int, stride: Int, dilation: Int, padding: (before: Int, after: Int), ceilMode: Bool
  ) {
    let room = size + padding.before + padding.after - (kernel - 1) * dilation - 1
    guard size > 0, room >= 0 else { return nil }
    var output = room / stride + 1
    // A window may begin at the latest on the last pixel, not in the padding behind it.
    if ceilMode && room % stride != 0 && output * stride < size + padding.before { output += 1 }
    self.output = output
    before = padding.before
    after = padding.after
  }
}
