import Checkpoint
import Platform

/// Bringing values into the layout that an operation needs.
///
/// Views of maps cost nothing. An operation that needs another order of the elements than the view's map has makes the
/// engine arrange them; so does one that needs repeated elements, or some of them alone.
extension ONNXImporter {
  /// One axis of a value that is to be arranged.
  struct AxisSteps {
    /// Part of the images, outermost; empty for the example of one image.
    var images: [MapView.Part] = []
    /// Steps through the source.
    var steps: [StridedAxis]

    var extent: Int { steps.reduce(1) { $0 * $1.extent } }
  }

  func axisSteps(_ view: MapView) throws -> [AxisSteps] {
    try view.axes.map { axis in
      let images = axis.filter { $0.dimension == .image }
      guard images.isEmpty || (images == view.images && axis.first == images.first) else {
        throw refusal("the images of a batch are taken apart; export it with a batch of one image")
      }
      return AxisSteps(images: images, steps: view.steps(axis))
    }
  }

  /// A map of the given axes in their order, of which the last `channelAxes` are its channels.
  mutating func arranged(
    _ view: MapView, _ axes: [AxisSteps], channelAxes: Int = 1, firstPixel: Int = 0, firstChannel: Int = 0,
    for node: ONNXNode
  ) throws -> MapView {
    let (outer, inner) = (axes.dropLast(channelAxes), axes.suffix(channelAxes))
    guard let height = outer.map(\.extent).checkedProduct, let channels = inner.map(\.extent).checkedProduct,
      height > 0, channels > 0, height <= Self.largestMap, channels <= Self.largestMap
    else { throw unsupported(node, "a value of \(axes.map(\.extent)) elements is too large") }
    let arrangement = Arrangement(
      source: view.size, height: height, width: 1, rows: StridedAxis.merged(outer.flatMap(\.steps)),
      channels: StridedAxis.merged(inner.flatMap(\.steps)), firstPixel: firstPixel, firstChannel: firstChannel
    )
    var result = try append(node.name, .arrange(arrangement), [view], channels: channels)
    result.isPixel = height == 1
    result.axes = Self.rowMajor(axes.map { ($0.images, $0.extent) }, channelAxes: channelAxes)
    return result
  }

  /// The axes of a map one pixel wide whose elements are in the order of the axes.
  static func rowMajor(_ axes: [(images: [MapView.Part], extent: Int)], channelAxes: Int = 1) -> [[MapView
    .Part]]
  {
    var result: [[MapView.Part]] = []
    var stride = 1
    for (index, axis) in axes.enumerated().reversed() {
      // Rows count from one again.
      if index == axes.count - channelAxes - 1 { stride = 1 }
      let dimension: MapView.Dimension = index >= axes.count - channelAxes ? .channel : .row
      let own =
        axis.extent == 1 ? [] : [MapView.Part(dimension: dimension, stride: stride, extent: axis.extent)]
      result.append(axis.images + own)
      stride *= axis.extent
    }
    return result.reversed()
  }

  /// The view's elements in the order of its axes, of which the last `channelAxes` are channels.
  mutating func dense(_ view: MapView, channelAxes: Int = 1, for node: ONNXNode) throws -> MapView {
    let axes = try axisSteps(view)
    let wanted = Self.rowMajor(axes.map { ($0.images, $0.extent) }, channelAxes: channelAxes)
    if view.size.width == 1 && view.axes == wanted { return view }
    return try arranged(view, axes, channelAxes: channelAxes, for: node)
  }

  /// The view with all channels of its map, in their order, as the last axis.
  mutating func rowwise(_ view: MapView, for node: ONNXNode) throws -> MapView {
    guard view.rank >= 1 else { throw unsupported(node, "a single number is no row") }
    return view.endsInChannels ? view : try dense(view, for: node)
  }

  /// `view` in the layout of `other`, repeated along axes in which its extent is 1.
  mutating func arranged(_ view: MapView, like other: MapView, for node: ONNXNode) throws -> MapView {
    let view = view.padded(to: other.rank)
    guard view.rank == other.rank else { throw unfit(node, view, other) }
    var steps: [(part: MapView.Part, step: StridedAxis)] = []
    for (own, target) in zip(try axisSteps(view), other.axes) {
      let parts = target.filter { $0.dimension != .image }
      let extent = parts.reduce(1) { $0 * $1.extent }
      guard own.extent == extent || own.extent == 1 else { throw unfit(node, view, other) }
      let sources =
        own.extent == extent
        ? own.steps : parts.map { StridedAxis(extent: $0.extent, pixels: 0, channels: 0) }
      guard let pieces = Self.pieces(parts, sources) else { throw unfit(node, view, other) }
      steps += pieces
    }
    func sorted(_ dimension: MapView.Dimension) -> [StridedAxis] {
      steps.filter { $0.part.dimension == dimension }.sorted { $0.part.stride > $1.part.stride }.map(\.step)
    }
    let arrangement = Arrangement(
      source: view.size, height: other.size.height, width: other.size.width,
      rows: StridedAxis.merged(sorted(.row) + sorted(.column)),
      channels: StridedAxis.merged(sorted(.channel)))
    var result = try append(node.name, .arrange(arrangement), [view], channels: other.size.channels)
    result.isPixel = other.size.pixels == 1
    result.axes = other.axes
    return result
  }

  /// Parts of one map and steps through another over the same positions, split alike.
  private static func pieces(
    _ parts: [MapView.Part], _ steps: [StridedAxis]
  ) -> [(part: MapView.Part, step: StridedAxis)]? {
    var (left, right) = (parts.filter { $0.extent != 1 }, steps.filter { $0.extent != 1 })
    var result: [(part: MapView.Part, step: StridedAxis)] = []
    while let a = left.popLast() {
      guard let b = right.popLast() else { return nil }
      let inner = min(a.extent, b.extent)
      guard a.extent.isMultiple(of: inner), b.extent.isMultiple(of: inner) else { return nil }
      result.append(
        (
          MapView.Part(dimension: a.dimension, stride: a.stride, extent: inner),
          StridedAxis(extent: inner, pixels: b.pixels, channels: b.channels)
        ))
      if a.extent > inner {
        left.append(
          MapView.Part(dimension: a.dimension, stride: a.stride * inner, extent: a.extent / inner))
      }
      if b.extent > inner {
        right.append(
          StridedAxis(extent: b.extent / inner, pixels: b.pixels * inner, channels: b.channels * inner))
      }
    }
    return right.isEmpty ? result : nil
  }

  /// Two or more values in one layout, broadcast to their common shape.
  mutating func aligned(_ views: [MapView], for node: ONNXNode) throws -> [MapView] {
    var shape = views[0].shape
    for view in views.dropFirst() {
      guard let common = Numbers.broadcastShape(shape, view.shape) else { throw unfit(node, views[0], view) }
      shape = common
    }
    let model: MapView
    if let whole = views.first(where: { $0.shape == shape }) {
      model = whole
    } else {
      model = try expanded(views[0].padded(to: shape.count), to: shape, for: node)
    }
    return try views.map { view in
      let padded = view.padded(to: shape.count)
      if Self.withoutImages(padded.axes) == Self.withoutImages(model.axes), padded.size == model.size {
        return padded
      }
      return try arranged(padded, like: model, for: node)
    }
  }

  static func withoutImages(_ axes: [[MapView.Part]]) -> [[MapView.Part]] {
    axes.map { $0.filter { $0.dimension != .image } }
  }

  /// A value repeated along axes of extent 1.
  mutating func expanded(_ view: MapView, to shape: [Int], for node: ONNXNode) throws -> MapView {
    let view = view.padded(to: shape.count)
    if view.shape == shape { return view }
    var axes = try axisSteps(view)
    guard axes.count == shape.count, Numbers.checkedCount(shape) ?? .max <= Self.largestMap else {
      throw unsupported(node, "the shape \(view.shape) does not become \(shape)")
    }
    for (index, extent) in shape.enumerated() where view.shape[index] != extent {
      guard view.shape[index] == 1, extent > 0 else {
        throw unsupported(node, "the shape \(view.shape) does not become \(shape)")
      }
      axes[index].steps = [StridedAxis(extent: extent, pixels: 0, channels: 0)]
    }
    let result = try arranged(view, axes, for: node)
    repetitions[result.node] = (result.axes, view)
    return result
  }

  /// The value that was repeated to become `view`, where an operation with `other` repeats it anyway, as gates are; else `view`.
  func unrepeated(_ view: MapView, with other: MapView) -> MapView {
    guard let (axes, source) = repetitions[view.node], axes == view.axes,
      Numbers.broadcastShape(source.shape, other.shape) == Numbers.broadcastShape(view.shape, other.shape)
    else { return view }
    return source
  }

  /// A constant as a map that is the same for every image.
  mutating func lifted(_ value: ImportedValue, for node: ONNXNode) throws -> MapView {
    let shape: [Int]
    let name: TensorName
    switch value {
    case .map(let view): return view
    case .parameter(let parameter) where !parameter.isTransposed && !parameter.isComputed:
      shape = parameter.shape
      name = try resolve(parameter).name
    case .parameter(let parameter):
      let numbers = try read(parameter)
      (shape, name) = (numbers.shape, keep(numbers))
    case .numbers(let numbers): (shape, name) = (numbers.shape, keep(numbers))
    default: throw unsupported(node, "of such an operand is not supported")
    }
    guard let count = Numbers.checkedCount(shape), count > 0, count <= Self.largestMap else {
      throw unsupported(node, "a constant of shape \(shape) is empty or too large")
    }
    let channels = shape.last ?? 1
    var result = try append(
      name.string, .parameter(name, count: count / channels), [imageView], channels: channels)
    result.isPixel = count == channels
    result.axes = Self.rowMajor(shape.map { ([], $0) })
    return result
  }

  /// An operand that depends on the image, or a constant as if it did.
  mutating func liftedMap(_ node: ONNXNode, _ index: Int = 0) throws -> MapView {
    try lifted(try required(node, index), for: node)
  }

  func unfit(_ node: ONNXNode, _ a: MapView, _ b: MapView) -> ONNXImportError {
    unsupported(node, "operands of shapes \(a.shape) and \(b.shape) do not fit")
  }
}
