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

/// Zeros around a map before a window slides over it.
package enum Padding: Sendable, Equatable {
  case explicit(top: Int, left: Int, bottom: Int, right: Int)
  /// TensorFlow's rule: enough to make the output ceil(input / stride), the odd pixel at the bottom and
  /// right.
  case same
  /// Like `same`, with the odd pixel at the top and left.
  case sameLower

  /// Equal padding on all four sides.
  package static func all(_ size: Int) -> Padding {
    .explicit(top: size, left: size, bottom: size, right: size)
  }

  /// Pixels before and after the map along one axis.
  package func amounts(vertical: Bool, size: Int, kernel: Int, stride: Int, dilation: Int) -> (
    before: Int, after: Int
  ) {
    switch self {
    case .explicit(let top, let left, let bottom, let right):
      return vertical ? (top, bottom) : (left, right)
    case .same, .sameLower:
      let total = max(((size + stride - 1) / stride - 1) * stride + (kernel - 1) * dilation + 1 - size, 0)
      let (less, more) = (total / 2, total - total / 2)
      return self == .same ? (less, more) : (more, less)
    }
  }
}

/// Pixels added around a map; negative numbers crop it.
package struct Margins: Sendable, Equatable {
  package enum Filling: Sendable, Equatable {
    case constant(Float)
    /// Mirrored at the outermost pixels, which are not repeated.
    case reflect
    /// The outermost pixels repeated.
    case edge
  }

  package var top = 0
  package var left = 0
  package var bottom = 0
  package var right = 0
  package var filling = Filling.constant(0)

  /// True if a map of this size is not cropped away, and is large enough to be mirrored.
  package func fit(rows: Int, columns: Int) -> Bool {
    guard rows + top + bottom > 0, columns + left + right > 0, rows + min(top, 0) + min(bottom, 0) > 0,
      columns + min(left, 0) + min(right, 0) > 0
    else { return false }
    return filling != .reflect || (max(top, bottom) < rows && max(left, right) < columns)
  }
}
