import Checkpoint

extension ONNXImporter {
  /// An operand; nil where an optional one is omitted.
  func operand(_ node: ONNXNode, _ index: Int) -> ImportedValue? {
    guard index < node.inputs.count, !node.inputs[index].isEmpty else { return nil }
    return value(named: node.inputs[index])
  }

  func required(_ node: ONNXNode, _ index: Int) throws -> ImportedValue {
    guard let value = operand(node, index) else { throw unsupported(node, "operand \(index) is missing") }
    return value
  }

  /// An operand that depends on the image.
  func map(_ node: ONNXNode, _ index: Int = 0) throws -> MapView {
    guard case .map(let view) = try required(node, index) else {
      throw unsupported(node, "operand \(index) is expected to depend on the image")
    }
    return view
  }

  /// An operand known at import, including tensors of the file.
  func numbers(_ node: ONNXNode, _ index: Int) throws -> Numbers? {
    guard let value = operand(node, index) else { return nil }
    guard let numbers = try constant(value) else {
      throw unsupported(node, "operand \(index) is expected to be constant")
    }
    return numbers
  }

  /// The numbers of a constant; nil for a value that depends on the image.
  func constant(_ value: ImportedValue) throws -> Numbers? {
    switch value {
    case .numbers(let numbers): numbers
    case .parameter(let parameter): try read(parameter)
    default: nil
    }
  }

  /// Integers from an attribute or, in newer operators, from an operand.
  func integers(_ node: ONNXNode, attribute: String, operand index: Int) throws -> [Int]? {
    if let values = node.ints(attribute) { return values }
    guard let numbers = try numbers(node, index) else { return nil }
    guard let ints = numbers.ints else {
      throw unsupported(node, "operand \(index) is expected to be integer")
    }
    return ints
  }

  /// An axis counted from the front.
  func axis(_ node: ONNXNode, _ axis: Int, rank: Int) throws -> Int {
    guard (-rank..<rank).contains(axis) else { throw unsupported(node, "has no axis \(axis)") }
    return axis < 0 ? axis + rank : axis
  }

  /// A parameter tensor as an operand.
  func parameter(_ node: ONNXNode, _ index: Int, _ what: String) throws -> ImportedValue.Parameter {
    switch try required(node, index) {
    case .parameter(let parameter): return parameter
    case .numbers(let numbers) where numbers.ints == nil && !numbers.shape.isEmpty:
      return computed(numbers, as: node.inputs[index])
    default: throw unsupported(node, "the \(what) is computed; it is expected to be an initializer")
    }
  }

  /// Numbers computed at import as a tensor of the file.
  func computed(_ numbers: Numbers, as name: String) -> ImportedValue.Parameter {
    let value = TensorValue(f32: numbers.reals.map { Float($0) }, shape: numbers.shape)
    let spec = TensorSpec(name: TensorName(name), dtype: .f32, shape: numbers.shape)
    return ImportedValue.Parameter(
      tensor: ONNXTensor(spec: spec, data: .bytes(value.bytes)), names: [spec.name], shape: numbers.shape,
      isComputed: true)
  }

  /// The tensor for a parameter: the checkpoint's of the nearest name, else the file's own.
  ///
  /// - Parameter freeRows: True if the checkpoint's first extent may differ, like that of a new classifier.
  mutating func resolve(_ parameter: ImportedValue.Parameter, freeRows: Bool = false) throws -> TensorSpec {
    let shape = parameter.tensor.spec.shape
    if parameter.isComputed {
      let name = keep(try numbers(parameter.tensor))
      return TensorSpec(name: name, dtype: .f32, shape: shape)
    }
    // Parameter names of PyTorch's layers belong to the state dict; constants and unsaved buffers do not.
    func isState(_ name: TensorName) -> Bool {
      [".weight", ".bias", ".running_mean", ".running_var"].contains(where: name.string.hasSuffix)
    }
    let name = parameter.names.first { state.contains($0.string) || isState($0) } ?? parameter.names[0]
    guard let spec = state.spec(name.string) else {
      if isState(name) {
        throw ONNXImportError.missingTensor(label: model.label, tensor: name, checkpoint: state.label)
      }
      let tensor = parameter.tensor.spec
      guard tensor.dtype.isFloatingPoint else {
        throw ONNXError.tensor(path: model.label, name: name, reason: "is no floating-point tensor")
      }
      try keep(parameter.tensor, as: name)
      return TensorSpec(name: name, dtype: tensor.dtype, shape: tensor.shape)
    }
    guard spec.dtype.isFloatingPoint else {
      throw NetworkError.notFloatingPoint(label: state.label, tensor: spec)
    }
    let isFree = freeRows && !shape.isEmpty && spec.shape.first ?? 0 > 0
    guard isFree ? spec.shape.dropFirst() == shape.dropFirst() : spec.shape == shape else {
      throw NetworkError.wrongShape(
        label: state.label, tensor: spec,
        expected: shape.enumerated().map { isFree && $0.offset == 0 ? nil : $0.element })
    }
    return spec
  }

  /// A parameter's values as numbers of the network's description.
  func read(_ parameter: ImportedValue.Parameter) throws -> Numbers {
    var result = try numbers(parameter.tensor)
    if !parameter.isComputed, result.ints == nil,
      let name = parameter.names.first(where: {
        state.spec($0.string)?.shape == parameter.tensor.spec.shape
          && state.spec($0.string)?.dtype.isFloatingPoint == true
      })
    {
      result = Numbers(reals: try state.source.value(name).doubles())
    }
    if parameter.isTransposed {
      result.shape = parameter.tensor.spec.shape
      return result.transposed([1, 0])
    }
    result.shape = parameter.shape
    return result
  }

  /// The view as [images, channels, rows, columns], for operators that need this form.
  mutating func plain(_ view: MapView, for node: ONNXNode) throws -> MapView {
    if view.isPlain { return view }
    guard view.axes.first == view.images,
      view.rank == 4 || (view.size.pixels == 1 && (2...4).contains(view.rank))
    else { throw unsupported(node, "an operand of shape \(view.shape) is no map") }
    let (rows, columns) = (view.rank > 2 ? view.axes[2] : [], view.rank > 3 ? view.axes[3] : [])
    var source = view
    var order = view.axes[1]
    if view.axes[1].contains(where: { $0.dimension != .channel }) {
      guard let (blocks, inner) = try blocks(view, rows: rows, columns: columns, for: node) else {
        return try rearranged(view, for: node)
      }
      (source, order) = (blocks, inner)
    } else if let spread = try spread(view, rows: rows, columns: columns, for: node) {
      return spread
    } else if rows != view.rows || columns != view.columns {
      return try rearranged(view, for: node)
    }
    guard let channels = Self.positions(order), channels.sorted() == Array(0..<source.size.channels) else {
      throw unsupported(node, "the channels of an operand are out of order")
    }
    if channels == Array(0..<source.size.channels) {
      return MapView(node: source.node, size: source.size, isPixel: source.isPixel, batch: source.batch)
    }
    let groups = order.count == 2 ? order[1].extent : 0
    let operation =
      groups > 0 && order[0].stride == 1 ? Operation.shuffle(groups: groups) : .reorder(channels)
    return try append(
      node.name, operation, [source], channels: source.size.channels, isPixel: source.isPixel)
  }

  /// A map of the second, third and fourth axis, whatever they run through.
  private mutating func rearranged(_ view: MapView, for node: ONNXNode) throws -> MapView {
    let axes = try axisSteps(view)
    let extents = view.shape + Array(repeating: 1, count: 4 - view.rank)
    let arrangement = Arrangement(
      source: view.size, height: extents[2], width: extents[3],
      rows: StridedAxis.merged(axes.dropFirst(2).flatMap(\.steps)), channels: axes[1].steps)
    var result = try append(node.name, .arrange(arrangement), [view], channels: extents[1])
    result.isPixel = result.size.pixels == 1
    return result
  }

  /// Space to depth: rows and columns are divided into blocks whose inner parts join the channels; nil for other views.
  private mutating func blocks(
    _ view: MapView, rows outerRows: [MapView.Part], columns outerColumns: [MapView.Part], for node: ONNXNode
  ) throws -> (MapView, [MapView.Part])? {
    let inner = view.axes[1].filter { $0.dimension != .channel }
    func block(_ dimension: MapView.Dimension, _ outer: [MapView.Part], _ size: Int) -> Int? {
      let parts = inner.filter { $0.dimension == dimension }
      let extent = parts.first?.extent ?? 1
      guard parts.count <= 1, parts.allSatisfy({ $0.stride == 1 }), size % extent == 0,
        outer
          == (size == extent
            ? [] : [MapView.Part(dimension: dimension, stride: extent, extent: size / extent)])
      else { return nil }
      return extent
    }
    guard inner.allSatisfy({ $0.dimension == .row || $0.dimension == .column }),
      let rows = block(.row, outerRows, view.size.height),
      let columns = block(.column, outerColumns, view.size.width)
    else { return nil }
    let channels = view.size.channels
    let result = try append(
      node.name, .spaceToDepth(rows: rows, columns: columns), [view], channels: channels * rows * columns,
      isPixel: false)
    // The block's rows and columns are the outermost channels now.
    let order = view.axes[1].map { part in
      switch part.dimension {
      case .channel, .image: part
      case .row:
        MapView.Part(dimension: .channel, stride: part.stride * columns * channels, extent: part.extent)
      case .column: MapView.Part(dimension: .channel, stride: part.stride * channels, extent: part.extent)
      }
    }
    return (result, order)
  }

  /// The positions along a map's axis that the parts run through; nil where they are of different axes.
  static func positions(_ axis: [MapView.Part]) -> [Int]? {
    guard axis.allSatisfy({ $0.dimension == .channel }) else { return nil }
    return axis.reduce([0]) { positions, part in
      positions.flatMap { position in (0..<part.extent).map { position + $0 * part.stride } }
    }
  }
}
