import Checkpoint

/// A map as seen by ONNX: the engine's NHWC map under axes of images, channels, rows and columns that reshapes
/// and transpositions have split, joined and permuted.
///
/// Exporters record such steps with the sizes of one example. An axis is stored as the parts of the map's own
/// axes that it runs through, outermost first, so that a flattening or a channel shuffle is recognized at any
/// input size. Every element of the map has exactly one place under the axes.
///
/// An example of one image has no part for the images: what the network does to it, it does to each of several, so that
/// windows may take the place of images, and the axis of the images may be anywhere.
struct MapView {
  enum Dimension: Int { case image, channel, row, column }

  /// A range of positions along one of the map's own axes: `extent` steps of `stride`.
  struct Part: Equatable {
    let dimension: Dimension
    let stride: Int
    let extent: Int
  }

  /// The node that computes the map.
  var node: Int
  /// The map's size in the example.
  var size: MapSize
  /// True if there is one pixel whatever the input's size.
  var isPixel: Bool
  /// Number of images in the example.
  let batch: Int
  /// All axes; parts of extent one are omitted.
  var axes: [[Part]]

  /// A map as [images, channels, rows, columns].
  init(node: Int, size: MapSize, isPixel: Bool, batch: Int) {
    self.node = node
    self.size = size
    self.isPixel = isPixel
    self.batch = batch
    axes = [
      Self.whole(.image, batch), Self.whole(.channel, size.channels), Self.whole(.row, size.height),
      Self.whole(.column, size.width),
    ]
  }

  static func whole(_ dimension: Dimension, _ extent: Int) -> [Part] {
    extent == 1 ? [] : [Part(dimension: dimension, stride: 1, extent: extent)]
  }

  /// The shape seen by ONNX's operators.
  var shape: [Int] { axes.map { axis in axis.reduce(1) { $0 * $1.extent } } }

  var rank: Int { axes.count }

  /// The whole of the images, channels, rows and columns, each as one part.
  var images: [Part] { Self.whole(.image, batch) }
  var channels: [Part] { Self.whole(.channel, size.channels) }
  var rows: [Part] { Self.whole(.row, size.height) }
  var columns: [Part] { Self.whole(.column, size.width) }

  /// True for [images, channels, rows, columns].
  var isPlain: Bool { axes == [images, channels, rows, columns] }

  /// True for [images, features] in PyTorch's order of flattening, apart from axes of extent one.
  var isFlat: Bool {
    guard axes.first == images else { return false }
    let filled = axes.dropFirst().filter { !$0.isEmpty }
    return filled.count <= 1 && (filled.first ?? []) == channels + rows + columns
  }

  /// True if the last axis is all channels in their order.
  var endsInChannels: Bool { axes.last == channels }

  /// The steps of an axis through the map of an image, joined where they continue each other.
  func steps(_ axis: [Part]) -> [StridedAxis] {
    StridedAxis.merged(
      axis.compactMap { part -> StridedAxis? in
        switch part.dimension {
        case .image: nil
        case .channel: StridedAxis(extent: part.extent, pixels: 0, channels: part.stride)
        case .column: StridedAxis(extent: part.extent, pixels: part.stride, channels: 0)
        case .row: StridedAxis(extent: part.extent, pixels: part.stride * size.width, channels: 0)
        }
      })
  }

  /// The parts of the map that steps run through; nil where they are no whole parts of rows or columns.
  func parts(_ steps: [StridedAxis]) -> [Part]? {
    var result: [Part] = []
    for axis in steps where axis.extent != 1 {
      if axis.pixels == 0 {
        result.append(Part(dimension: .channel, stride: axis.channels, extent: axis.extent))
      } else if axis.channels != 0 {
        return nil
      } else if axis.pixels.isMultiple(of: size.width) {
        result.append(Part(dimension: .row, stride: axis.pixels / size.width, extent: axis.extent))
      } else if axis.pixels * axis.extent <= size.width {
        result.append(Part(dimension: .column, stride: axis.pixels, extent: axis.extent))
      } else if size.width.isMultiple(of: axis.pixels),
        axis.extent.isMultiple(of: size.width / axis.pixels)
      {
        let inner = size.width / axis.pixels
        result.append(Part(dimension: .row, stride: 1, extent: axis.extent / inner))
        result.append(Part(dimension: .column, stride: axis.pixels, extent: inner))
      } else {
        return nil
      }
    }
    return Self.joined(result)
  }

  /// The axes in another order; an axis may be named once only.
  func permuted(_ order: [Int]) -> MapView {
    var view = self
    view.axes = order.map { axes[$0] }
    return view
  }

  /// The view with axes of extent one before the others.
  func padded(to rank: Int) -> MapView {
    var view = self
    view.axes = Array(repeating: [], count: max(0, rank - self.rank)) + axes
    return view
  }

  /// The elements in another shape; nil where that would split the map's axes unevenly.
  func reshaped(_ target: [Int]) -> MapView? {
    var rest = Self.joined(axes.flatMap { $0 })[...]
    var result: [[Part]] = []
    for extent in target {
      guard extent > 0 else { return nil }
      var missing = extent
      var axis: [Part] = []
      while missing > 1 {
        guard let part = rest.popFirst() else { return nil }
        if missing % part.extent == 0 {
          axis.append(part)
          missing /= part.extent
        } else if part.extent % missing == 0 {
          let inner = part.extent / missing
          axis.append(Part(dimension: part.dimension, stride: part.stride * inner, extent: missing))
          rest.insert(
            Part(dimension: part.dimension, stride: part.stride, extent: inner), at: rest.startIndex)
          missing = 1
        } else {
          return nil
        }
      }
      result.append(axis)
    }
    guard rest.isEmpty else { return nil }
    var view = self
    view.axes = result.map(Self.joined)
    return view
  }

  /// The parts of an axis with adjacent ones merged where they form one part.
  static func joined(_ axis: [Part]) -> [Part] {
    var result: [Part] = []
    for part in axis {
      if let last = result.last, last.dimension == part.dimension, last.stride == part.stride * part.extent {
        result[result.count - 1] = Part(
          dimension: part.dimension, stride: part.stride, extent: last.extent * part.extent)
      } else {
        result.append(part)
      }
    }
    return result
  }
}

/// Knowledge about a value of an ONNX graph during import.
enum ImportedValue {
  /// A map computed from the image.
  case map(MapView)
  /// Numbers known at import.
  case numbers(Numbers)
  /// A tensor of the file, or of the checkpoint under one of its names.
  case parameter(Parameter)
  /// The parts of a map that a node split.
  case sequence([MapView])
  /// Excess of a map over a number; PyTorch's softplus is exported with such a case distinction.
  case excess(MapView)
  /// The softmax of logits, which only the network's output may be.
  case probabilities(MapView)

  struct Parameter {
    let tensor: ONNXTensor
    /// The initializer's name and aliases from `Identity` nodes, the latest first.
    var names: [TensorName]
    /// Shape after reshapes.
    var shape: [Int]
    /// True if a matrix has been transposed.
    var isTransposed = false
    /// True if the numbers were computed at import; no checkpoint has them.
    var isComputed = false

    /// True if it still has the initializer's shape.
    var isPlain: Bool { shape == tensor.spec.shape && !isTransposed }
  }
}
