import Checkpoint

extension ONNXImporter {
  static let arithmeticRules: [String: Rule] = [
    "Relu": { try $0.activation($1, .relu) },
    "Sigmoid": { try $0.activation($1, .sigmoid) },
    "HardSwish": { try $0.activation($1, .hardswish) },
    "HardSigmoid": { importer, node in
      let (slope, offset) = (Float(node.real("alpha") ?? 0.2), Float(node.real("beta") ?? 0.5))
      let isPyTorchs = abs(slope - 1 / 6) < 1e-6 && offset == 0.5
      return isPyTorchs
        ? try importer.activation(node, .hardsigmoid)
        : try importer.function(node, .hardSigmoid(slope: slope, offset: offset))
    },
    "LeakyRelu": { try $0.function($1, .leakyRelu(slope: Float($1.real("alpha") ?? 0.01))) },
    "Elu": { try $0.function($1, .elu(alpha: Float($1.real("alpha") ?? 1))) },
    "Gelu": { try $0.activation($1, $1.text("approximate") == "tanh" ? .geluTanh : .gelu) },
    "Softplus": { try $0.function($1, .softplus) },
    "Mish": { try $0.function($1, .mish) },
    "Tanh": { try $0.function($1, .tanh) },
    "Erf": { try $0.function($1, .erf) },
    "Clip": { try $0.clip($1) },
    "PRelu": { importer, node in
      let view = try importer.map(node)
      guard let slopes = try importer.channelValues(try importer.required(node, 1), on: view, for: node)
      else {
        throw importer.unsupported(node, "the slopes do not fit the channels")
      }
      return try importer.function(node, .parametricRelu(slopes: slopes))
    },
    "Mul": { try $0.multiply($1) },
    "Add": { try $0.add($1) },
    "Sub": { try $0.subtract($1) },
    "Div": { try $0.divide($1) },
    "Neg": { importer, node in
      if let folded = try importer.fold(node) { return folded }
      return [.map(try importer.affine(node, importer.map(node), scale: .constant(-1)))]
    },
    "Softmax": { try $0.softmax($1) },
    "LogSoftmax": { try $0.softmax($1) },
  ]

  private mutating func activation(_ node: ONNXNode, _ activation: Activation) throws -> [ImportedValue] {
    [.map(try append(node.name, .activation(activation), like: try map(node)))]
  }

  private mutating func function(_ node: ONNXNode, _ function: PointwiseFunction) throws -> [ImportedValue] {
    [.map(try append(node.name, .function(function), like: try map(node)))]
  }

  private mutating func clip(_ node: ONNXNode) throws -> [ImportedValue] {
    func bound(_ index: Int, _ attribute: String, _ none: Float) throws -> Float {
      if let value = node.real(attribute) { return Float(value) }
      guard let numbers = try numbers(node, index) else { return none }
      guard let value = numbers.uniform else {
        throw unsupported(node, "a bound is expected to be one number")
      }
      return Float(value)
    }
    let low = try bound(1, "min", -.infinity)
    let high = try bound(2, "max", .infinity)
    guard low <= high else { throw unsupported(node, "the bounds \(low) and \(high) are impossible") }
    if case .numbers(let numbers)? = operand(node, 0) {
      return [.numbers(numbers.clamped(low: Double(low), high: Double(high)))]
    }
    switch (low, high) {
    case (0, 6): return try activation(node, .relu6)
    case (0, Float.greatestFiniteMagnitude...): return try activation(node, .relu)
    default: return try function(node, .clip(low: low, high: high))
    }
  }

  private mutating func affine(
    _ node: ONNXNode, _ view: MapView, scale: ChannelFactors.Values? = nil,
    shift: ChannelFactors.Values? = nil
  ) throws -> MapView {
    // Exporters write out factors that are one, such as the slopes of ELU.
    if scale ?? .constant(1) == .constant(1), shift ?? .constant(0) == .constant(0) { return view }
    return try append(node.name, .affine(ChannelFactors(scale: scale, shift: shift)), like: view)
  }

  private mutating func multiply(_ node: ONNXNode) throws -> [ImportedValue] {
    if let folded = try fold(node) { return folded }
    switch (try required(node, 0), try required(node, 1)) {
    case (.map(let a), .map(let b)): return [.map(try multiply(node, a, b))]
    case (.map(let view), let other), (let other, .map(let view)):
      return [.map(try affine(node, view, scale: try factors(other, on: view, for: node)))]
    default: throw unsupported(node, "the product of two tensors of the file is not supported")
    }
  }

  private mutating func multiply(_ node: ONNXNode, _ a: MapView, _ b: MapView) throws -> MapView {
    // x times its own sigmoid, written out.
    for (x, gate) in [(a, b), (b, a)] where gate.axes == x.axes {
      guard case .activation(let inner) = nodes[gate.node].operation, nodes[gate.node].inputs == [x.node]
      else { continue }
      if inner == .sigmoid { return try append(node.name, .activation(.silu), like: x) }
      if inner == .hardsigmoid { return try append(node.name, .activation(.hardswish), like: x) }
    }
    if a.shape == b.shape && a.isPixel == b.isPixel { return try pair(node, .multiply, a, b) }
    // The axes of the channels are equal, those of the pixels have extent one in the gate.
    for (x, gate) in [(a, b), (b, a)]
    where gate.size.pixels == 1 && x.axes.count == gate.axes.count && x.size.channels == gate.size.channels {
      let fits = zip(x.axes, gate.axes).allSatisfy { full, one in
        full.filter { $0.dimension == .channel } == one
      }
      if fits {
        var result = try append(
          node.name, .gate, [x, gate], channels: x.size.channels, isPixel: x.isPixel)
        result.axes = x.axes
        return result
      }
    }
    let (x, y) = (try plain(a, for: node), try plain(b, for: node))
    for (x, mask) in [(x, y), (y, x)] where mask.size.channels == 1 && !mask.isPixel {
      return try append(node.name, .mask, [x, mask], channels: x.size.channels, isPixel: false)
    }
    throw unsupported(node, "operands of shapes \(a.shape) and \(b.shape) do not fit")
  }

  private mutating func add(_ node: ONNXNode) throws -> [ImportedValue] {
    if let folded = try fold(node) { return folded }
    switch (try required(node, 0), try required(node, 1)) {
    case (.map(let a), .map(let b)): return [.map(try pair(node, .add, a, b))]
    case (.map(let view), let other), (let other, .map(let view)):
      if let view = try biased(node, view, other) { return [.map(view)] }
      return [.map(try affine(node, view, shift: try factors(other, on: view, for: node)))]
    default: throw unsupported(node, "the sum of two tensors of the file is not supported")
    }
  }

  /// The fully connected layer with the tensor that is added after it as its bias.
  private mutating func biased(_ node: ONNXNode, _ view: MapView, _ other: ImportedValue) throws -> MapView? {
    guard case .linear(let linear) = nodes[view.node].operation, linear.bias == nil,
      case .parameter(let parameter) = other, parameter.tensor.spec.shape.count == 1,
      parameter.shape == [view.size.channels] || parameter.isPlain
    else { return nil }
    let spec = try resolve(parameter, freeRows: true)
    guard spec.shape == [view.size.channels] else { return nil }
    let input = nodes[view.node].inputs[0]
    let source = MapView(node: input, size: sizes[input], isPixel: false, batch: view.batch)
    var result = try append(
      nodes[view.node].name,
      .linear(
        Linear(
          weight: linear.weight, bias: spec.name, height: linear.height, width: linear.width,
          inputChannels: linear.inputChannels, outputChannels: linear.outputChannels,
          isTransposed: linear.isTransposed)), [source], channels: view.size.channels, isPixel: true)
    result.axes = view.axes
    return result
  }

  private mutating func subtract(_ node: ONNXNode) throws -> [ImportedValue] {
    if let folded = try fold(node) { return folded }
    switch (try required(node, 0), try required(node, 1)) {
    case (.map(let a), .map(let b)):
      return [.map(try pair(node, .add, a, try affine(node, b, scale: .constant(-1))))]
    case (.map(let view), let other):
      return [.map(try affine(node, view, shift: try factors(other, on: view, for: node) { -$0 }))]
    case (let other, .map(let view)):
      let shift = try factors(other, on: view, for: node)
      return [.map(try affine(node, view, scale: .constant(-1), shift: shift))]
    default: throw unsupported(node, "the difference of two tensors of the file is not supported")
    }
  }

  private mutating func divide(_ node: ONNXNode) throws -> [ImportedValue] {
    if let folded = try fold(node) { return folded }
    guard case .map(let view) = try required(node, 0) else {
      throw unsupported(node, "a quotient by what depends on the image is not supported")
    }
    let scale = try factors(try required(node, 1), on: view, for: node) { 1 / $0 }
    return [.map(try affine(node, view, scale: scale))]
  }

  /// Two maps of equal shape, element by element.
  private mutating func pair(_ node: ONNXNode, _ operation: Operation, _ a: MapView, _ b: MapView) throws
    -> MapView
  {
    guard a.shape == b.shape else {
      throw unsupported(node, "operands of shapes \(a.shape) and \(b.shape) do not fit")
    }
    if a.axes == b.axes && a.size == b.size {
      var result = try append(
        node.name, operation, [a, b], channels: a.size.channels, isPixel: a.isPixel && b.isPixel)
      result.axes = a.axes
      return result
    }
    let (x, y) = (try plain(a, for: node), try plain(b, for: node))
    return try append(node.name, operation, [x, y], channels: x.size.channels)
  }

  /// A final softmax is dropped: everything downstream needs logits. A softmax over groups of channels is
  /// attention.
  private mutating func softmax(_ node: ONNXNode) throws -> [ImportedValue] {
    let view = try map(node)
    let index = try axis(node, node.int("axis") ?? -1, rank: view.rank) - 1
    guard index >= 0, view.isPixel else { throw unsupported(node, "expected one pixel, found \(view.shape)") }
    if view.axes[index] == view.channels, model.outputs.first == node.outputs.first {
      return [.probabilities(view)]
    }
    guard node.type == "Softmax", view.axes[index].count == 1, let part = view.axes[index].first,
      part.stride * part.extent == view.size.channels
    else { throw unsupported(node, "of inner softmaxes that over groups of channels is supported") }
    return [.map(try append(node.name, .softmax(groups: part.extent), like: view))]
  }

  private mutating func factors(
    _ value: ImportedValue, on view: MapView, for node: ONNXNode, _ change: ((Double) -> Double)? = nil
  ) throws -> ChannelFactors.Values {
    guard let factors = try channelValues(value, on: view, for: node, change) else {
      throw unsupported(
        node, "a tensor of the file does not fit the channels of an operand of shape \(view.shape)")
    }
    return factors
  }

  /// A constant operand as one number for each channel of a map; nil where it has another form.
  private mutating func channelValues(
    _ value: ImportedValue, on view: MapView, for node: ONNXNode, _ change: ((Double) -> Double)? = nil
  ) throws -> ChannelFactors.Values? {
    let shape: [Int]
    switch value {
    case .numbers(let numbers): shape = numbers.shape
    case .parameter(let parameter): shape = parameter.shape
    default: return nil
    }
    guard shape.count <= view.rank, let count = Numbers.checkedCount(shape),
      count <= max(1, view.size.channels)
    else { return nil }
    // Position along the constant's only nontrivial axis for each of the map's channels.
    var positions = Array(repeating: 0, count: view.size.channels)
    let offset = view.rank - shape.count
    let filled = shape.indices.filter { shape[$0] != 1 }
    if let axis = filled.first {
      guard filled.count == 1, axis + offset >= 1, shape[axis] > 0,
        view.shape[axis + offset] == shape[axis]
      else { return nil }
      var stride = shape[axis]
      for part in view.axes[axis + offset - 1] {
        guard part.dimension == .channel else { return nil }
        stride /= part.extent
        for channel in positions.indices {
          positions[channel] += channel / part.stride % part.extent * stride
        }
      }
    }
    let isPlain = positions == Array(positions.indices)
    if case .parameter(let parameter) = value, change == nil, isPlain || filled.isEmpty,
      !parameter.isTransposed
    {
      return .tensor(try resolve(parameter).name)
    }
    let all: [Double]
    switch value {
    case .numbers(let numbers): all = numbers.reals
    case .parameter(let parameter): all = try read(parameter).reals
    default: return nil
    }
    let changed = change.map { all.map($0) } ?? all
    if changed.count == 1 { return .constant(Float(changed[0])) }
    return .constants(positions.map { Float(changed[$0]) })
  }
}
