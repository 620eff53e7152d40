/// A sliding window: its extent, stride, padding and dilation.
package struct Window: Sendable, Equatable {
  package var kernel: (height: Int, width: Int)
  package var stride: (height: Int, width: Int)
  package var padding: Padding
  package var dilation: (height: Int, width: Int)
  /// True if a last, incomplete window counts (PyTorch's `ceil_mode`).
  package var ceilMode: Bool

  package init(
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
  package init(_ kernel: Int, stride: Int = 1, padding: Int = 0, dilation: Int = 1, ceilMode: Bool = false) {
    self.init(
      kernel: (kernel, kernel), stride: (stride, stride), padding: .all(padding),
      dilation: (dilation, dilation),
      ceilMode: ceilMode)
  }

  package static func == (a: Window, b: Window) -> Bool {
    a.kernel == b.kernel && a.stride == b.stride && a.padding == b.padding && a.dilation == b.dilation
      && a.ceilMode == b.ceilMode
  }

  /// Positions of the window.
  package var taps: Int { kernel.height * kernel.width }

  /// True if the window reads exactly the pixel it writes.
  package var isPointwise: Bool { kernel == (1, 1) && stride == (1, 1) && padding == .all(0) }

  /// The geometry on a map of the given size, or nil where the map is too small for a single window.
  package func geometry(height: Int, width: Int) -> Geometry? {
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
      height: height, width: width, outputHeight: rows.output, outputWidth: columns.output,
      padTop: rows.before,
      padLeft: columns.before, padBottom: rows.after, padRight: columns.after)
  }

  /// A window's positions on a map of a given size, in pixels.
  package struct Geometry {
    package let height: Int
    package let width: Int
    package let outputHeight: Int
    package let outputWidth: Int
    package let padTop: Int
    package let padLeft: Int
    package let padBottom: Int
    package let padRight: Int
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
    // The last window must begin on the map, not in the padding after it.
    if ceilMode && room % stride != 0 && output * stride < size + padding.before { output += 1 }
    self.output = output
    before = padding.before
    after = padding.after
  }
}
