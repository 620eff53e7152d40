import Checkpoint

/// A map as seen by ONNX: the engine's NHWC map under axes of batch, channels, rows and columns that reshapes
/// and transpositions have split, joined and permuted.
///
/// Exporters record such steps with the sizes of one example. An axis is stored as the parts of the map's own
/// axes that it runs through, outermost first, so that a flattening or a channel shuffle is recognized at any
/// input size.
struct MapView {
  enum Dimension: Int { case channel, row, column }

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
  /// Extent of the first axis, the images.
  let batch: Int
  /// All other axes; parts of extent one are omitted.
  var axes: [[Part]]

  /// A map as [images, channels, rows, columns].
  init(node: Int, size: MapSize, isPixel: Bool, batch: Int) {
    self.node = node
    self.size = size
    self.isPixel = isPixel
    self.batch = batch
    axes = [
      Self.whole(.channel, size.channels), Self.whole(.row, size.height), Self.whole(.column, size.width),
    ]
  }

  static func whole(_ dimension: Dimension, _ extent: Int) -> [Part] {
    extent == 1 ? [] : [Part(dimension: dimension, stride: 1, extent: extent)]
  }

  /// The shape seen by ONNX's operators.
  var shape: [Int] { [batch] + axes.map { axis in axis.reduce(1) { $0 * $1.extent } } }

  var rank: Int { 1 + axes.count }

  /// The whole of the channels, rows and columns, each as one part.
  var channels: [Part] { Self.whole(.channel, size.channels) }
  var rows: [Part] { Self.whole(.row, size.height) }
  var columns: [Part] { Self.whole(.column, size.width) }

  /// True for [images, channels, rows, columns].
  var isPlain: Bool { axes == [channels, rows, columns] }

  /// True for [images, features] in PyTorch's order of flattening, apart from axes of extent one.
  var isFlat: Bool {
    let filled = axes.filter { !$0.isEmpty }
    return filled.count <= 1 && (filled.first ?? []) == channels + rows + columns
  }

  /// The elements in another shape; nil where that would split the map's axes unevenly.
  func reshaped(_ target: [Int]) -> MapView? {
    guard let first = target.first, first == batch else { return nil }
    var rest = axes.flatMap { $0 }[...]
    var result: [[Part]] = []
    for extent in target.dropFirst() {
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

    /// True if it still has the initializer's shape.
    var isPlain: Bool { shape == tensor.spec.shape && !isTransposed }
  }
}
