import Checkpoint

// Operations that change the size of a map, as the decoders of segmentation and detection do.

/// A transposed convolution: every pixel of the input adds its products to a window of the output.
///
/// Zeiler et al.: "Deconvolutional Networks" (2010); PyTorch's `ConvTranspose2d`.
package struct TransposedConvolution: Sendable, Equatable {
  /// Key of the weight, `[inputs, outputs / groups, rows, columns]`.
  package let weight: TensorName
  /// Key of the bias, `[outputs]`; nil without one.
  package let bias: TensorName?
  /// Kernel, stride and dilation; the padding is cut off the output.
  package let window: Window
  /// Rows added at the bottom, and columns added at the right.
  package let outputPadding: Extent
  package let groups: Int
  package let inputChannels: Int
  package let outputChannels: Int

  package struct Extent: Sendable, Equatable {
    package let rows: Int
    package let columns: Int
  }

  /// Products that one element of the input takes part in.
  package var reach: Int { window.taps * outputChannels / groups }

  /// Rows and columns of the output; nil where nothing is left.
  func outputSize(height: Int, width: Int) -> (height: Int, width: Int)? {
    guard height > 0, width > 0 else { return nil }
    func extent(
      _ size: Int, _ kernel: Int, _ stride: Int, _ dilation: Int, _ cut: (before: Int, after: Int),
      _ added: Int
    ) -> Int { (size - 1) * stride + (kernel - 1) * dilation + 1 - cut.before - cut.after + added }
    let rows = extent(
      height, window.kernel.height, window.stride.height, window.dilation.height,
      cut(vertical: true), outputPadding.rows)
    let columns = extent(
      width, window.kernel.width, window.stride.width, window.dilation.width, cut(vertical: false),
      outputPadding.columns)
    return rows > 0 && columns > 0 ? (rows, columns) : nil
  }

  /// Pixels that are cut off before and after the output along one axis.
  package func cut(vertical: Bool) -> (before: Int, after: Int) {
    window.padding.amounts(vertical: vertical, size: 1, kernel: 1, stride: 1, dilation: 1)
  }
}

/// A map at another size, every pixel interpolated from the nearest ones along each axis (ONNX's `Resize`).
package struct Resampling: Sendable, Equatable {
  package enum Filter: Sendable, Equatable {
    /// The pixel at the rounded position.
    case nearest(Rounding)
    /// Two pixels along each axis, weighted by their distance.
    case linear
    /// Bicubic convolution with this coefficient (Keys: "Cubic convolution interpolation", 1981), and no weight for what
    /// is outside of the map if `excludesOutside`.
    case cubic(coefficient: Float, excludesOutside: Bool)
  }

  /// Rounding of a position to that of a pixel; halves as the name says.
  package enum Rounding: String, Sendable, Equatable {
    case preferFloor = "round_prefer_floor"
    case preferCeil = "round_prefer_ceil"
    case floor, ceil
  }

  /// The input's position x of an output position o, for n inputs, m outputs and the factor f, by ONNX's names.
  package enum Coordinates: String, Sendable, Equatable {
    /// x = (o + 0.5) / f - 0.5
    case halfPixel = "half_pixel"
    /// Like `halfPixel`, but centered where f n is not m.
    case halfPixelSymmetric = "half_pixel_symmetric"
    /// Like `halfPixel`, but 0 for a single output.
    case pytorchHalfPixel = "pytorch_half_pixel"
    /// x = o / f
    case asymmetric
    /// x = o (n - 1) / (m - 1), 0 for a single output
    case alignCorners = "align_corners"
    /// x = (o + 0.5) / f
    case tfHalfPixelForNearest = "tf_half_pixel_for_nn"
  }

  package enum Target: Sendable, Equatable {
    /// The floor of the input's size times these.
    case factors(rows: Double, columns: Double)
    /// A size, whatever the input's.
    case size(rows: Int, columns: Int)
    /// The size of the second input.
    case like

    var isSize: Bool { if case .size = self { true } else { false } }
  }

  package var filter: Filter
  package var coordinates: Coordinates
  package var target: Target

  /// The size of the second input, by PyTorch's `nearest`.
  package static let nearestLike = Resampling(
    filter: .nearest(.floor), coordinates: .asymmetric, target: .like)

  /// Rows or columns of the output for a factor: float32 arithmetic, as in ONNX's definition.
  package static func extent(_ size: Int, _ factor: Double) -> Int {
    let exact = (Float(size) * Float(factor)).rounded(.down)
    return exact >= 1 && exact < 0x1p30 ? Int(exact) : 0
  }
}

/// Every `step`th position from `start` on.
package struct Steps: Sendable, Equatable {
  package var start = 0
  package var step = 1

  package init(start: Int = 0, step: Int = 1) { (self.start, self.step) = (start, step) }

  /// Positions of an axis of `extent` that are taken; nil where there are none.
  func count(_ extent: Int) -> Int? { start < extent ? (extent - start + step - 1) / step : nil }
}

extension Graph {
  /// The size of the map of one of this file's operations; nil for maps that it cannot take.
  static func size(ofSpatial node: Node, inputs: [MapSize]) -> MapSize? {
    func shaped(_ height: Int, _ width: Int) -> MapSize? {
      height > 0 && width > 0 ? MapSize(height: height, width: width, channels: node.channels) : nil
    }
    let first = inputs[0]
    switch node.operation {
    case .transposedConvolution(let convolution):
      return convolution.outputSize(height: first.height, width: first.width)
        .flatMap { shaped($0.height, $0.width) }
    case .resample(let resampling):
      switch resampling.target {
      case .factors(let rows, let columns):
        return shaped(Resampling.extent(first.height, rows), Resampling.extent(first.width, columns))
      case .size(let rows, let columns): return shaped(rows, columns)
      case .like: return inputs.count == 2 ? shaped(inputs[1].height, inputs[1].width) : nil
      }
    case .subsample(let rows, let columns):
      guard let height = rows.count(first.height), let width = columns.count(first.width) else { return nil }
      return shaped(height, width)
    default: return nil
    }
  }
}
