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
