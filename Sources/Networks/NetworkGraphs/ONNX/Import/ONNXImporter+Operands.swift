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

  /// An operand known at import, including small tensors of the file.
  func numbers(_ node: ONNXNode, _ index: Int) throws -> Numbers? {
    switch operand(node, index) {
    case .numbers(let numbers): return numbers
    case .parameter(let parameter) where parameter.tensor.spec.elementCount <= 4096:
      return try read(parameter)
    case .none: return nil
    default: throw unsupported(node, "operand \(index) is expected to be constant")
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
    guard case .parameter(let parameter) = try required(node, index) else {
      throw unsupported(node, "the \(what) is computed; it is expected to be an initializer")
    }
    return parameter
  }

  /// The tensor for a parameter: the checkpoint's of the nearest name, else the file's own.
  ///
  /// - Parameter freeRows: True if the checkpoint's first extent may differ, like that of a new classifier.
  mutating func resolve(_ parameter: ImportedValue.Parameter, freeRows: Bool = false) throws -> TensorSpec {
    let shape = parameter.tensor.spec.shape
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
    guard !parameter.isTransposed else {
      throw ONNXError.tensor(
        path: model.label, name: parameter.names[0],
        reason: "is a transposed matrix where numbers are expected")
    }
    var numbers = try numbers(parameter.tensor)
    if let name = parameter.names.first(where: { state.spec($0.string)?.shape == parameter.tensor.spec.shape }
    ),
      state.spec(name.string)?.dtype.isFloatingPoint == true
    {
      numbers = Numbers(reals: try state.source.value(name).doubles())
    }
    numbers.shape = parameter.shape
    return numbers
  }

  /// The view as [images, channels, rows, columns], for operators that need this form.
  mutating func plain(_ view: MapView, for node: ONNXNode) throws -> MapView {
    if view.isPlain { return view }
    guard view.axes.count == 3 || (view.size.pixels == 1 && view.axes.count <= 3) else {
      throw unsupported(node, "an operand of shape \(view.shape) is no map")
    }
    let (rows, columns) = (view.axes.count > 1 ? view.axes[1] : [], view.axes.count > 2 ? view.axes[2] : [])
    let inner = view.axes[0].filter { $0.dimension != .channel }
    var source = view
    var order = view.axes[0]
    if !inner.isEmpty {
      (source, order) = try blocks(view, rows: rows, columns: columns, for: node)
    } else if let spread = try spread(view, rows: rows, columns: columns, for: node) {
      return spread
    } else if rows != view.rows || columns != view.columns {
      throw unsupported(node, "rows and columns of an operand are out of order")
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

  /// Space to depth: rows and columns are divided into blocks whose inner parts join the channels.
  private mutating func blocks(
    _ view: MapView, rows outerRows: [MapView.Part], columns outerColumns: [MapView.Part], for node: ONNXNode
  ) throws -> (MapView, [MapView.Part]) {
    let inner = view.axes[0].filter { $0.dimension != .channel }
    func block(_ dimension: MapView.Dimension, _ outer: [MapView.Part], _ size: Int) throws -> Int {
      let parts = inner.filter { $0.dimension == dimension }
      let extent = parts.first?.extent ?? 1
      guard parts.count <= 1, parts.allSatisfy({ $0.stride == 1 }), size % extent == 0,
        outer
          == (size == extent
            ? [] : [MapView.Part(dimension: dimension, stride: extent, extent: size / extent)])
      else { throw unsupported(node, "rows and columns of an operand are out of order") }
      return extent
    }
    let rows = try block(.row, outerRows, view.size.height)
    let columns = try block(.column, outerColumns, view.size.width)
    let channels = view.size.channels
    let result = try append(
      node.name, .spaceToDepth(rows: rows, columns: columns), [view], channels: channels * rows * columns,
      isPixel: false)
    // The block's rows and columns are the outermost channels now.
    let order = view.axes[0].map { part in
      switch part.dimension {
      case .channel: part
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
