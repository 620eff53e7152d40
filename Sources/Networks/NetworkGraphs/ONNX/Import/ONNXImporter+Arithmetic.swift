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
    "Sum": { importer, node in
      if let folded = try importer.fold(node) { return folded }
      var sum = try importer.liftedMap(node)
      for index in node.inputs.indices.dropFirst() {
        sum = try importer.pair(node, .add, sum, try importer.liftedMap(node, index))
      }
      return [.map(sum)]
    },
    "Sub": { try $0.subtract($1) },
    "Div": { try $0.divide($1) },
    "Neg": { importer, node in
      if let folded = try importer.fold(node) { return folded }
      return [.map(try importer.affine(node, importer.map(node), scale: .constant(-1)))]
    },
    "Sin": { try $0.function($1, .sine) },
    "Cos": { try $0.function($1, .cosine) },
    "Exp": { try $0.function($1, .exponential) },
    "Log": { try $0.function($1, .logarithm) },
    "Sqrt": { try $0.function($1, .squareRoot) },
    "Reciprocal": { try $0.function($1, .reciprocal) },
    "Abs": { try $0.function($1, .absolute) },
    "Pow": { try $0.power($1) },
  ]

  private mutating func activation(_ node: ONNXNode, _ activation: Activation) throws -> [ImportedValue] {
    if Self.foldedFunctions.contains(node.type), let folded = try fold(node) { return folded }
    return [.map(try append(node.name, .activation(activation), like: try liftedMap(node)))]
  }

  private mutating func function(_ node: ONNXNode, _ function: PointwiseFunction) throws -> [ImportedValue] {
    if Self.foldedFunctions.contains(node.type), let folded = try fold(node) { return folded }
    return [.map(try append(node.name, .function(function), like: try liftedMap(node)))]
  }

  /// Functions that are computed at import where their operand is constant.
  private static let foldedFunctions: Set = [
    "Relu", "Sigmoid", "Sin", "Cos", "Exp", "Log", "Sqrt", "Reciprocal", "Abs", "Tanh", "Erf", "Softplus",
  ]

  private mutating func power(_ node: ONNXNode) throws -> [ImportedValue] {
    if let folded = try fold(node) { return folded }
    let view = try map(node)
    guard let exponent = try numbers(node, 1)?.uniform else {
      throw unsupported(node, "the exponent is expected to be one number")
    }
    switch exponent {
    case 1: return [.map(view)]
    case 2: return [.map(try pair(node, .multiply, view, view))]
    case 3: return [.map(try pair(node, .multiply, try pair(node, .multiply, view, view), view))]
    case 0.5: return [.map(try append(node.name, .function(.squareRoot), like: view))]
    case -1: return [.map(try append(node.name, .function(.reciprocal), like: view))]
    default: return [.map(try append(node.name, .function(.power(Float(exponent))), like: view))]
    }
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
    if let numbers = try constant(try required(node, 0)) {
      return [.numbers(numbers.clamped(low: Double(low), high: Double(high)))]
    }
    switch (low, high) {
    case (0, 6): return try activation(node, .relu6)
    case (0, Float.greatestFiniteMagnitude...): return try activation(node, .relu)
    default: return try function(node, .clip(low: low, high: high))
    }
  }

  mutating func affine(
    _ node: ONNXNode, _ view: MapView, scale: ChannelFactors.Values? = nil,
    shift: ChannelFactors.Values? = nil
  ) throws -> MapView {
    // Exporters write out factors that are one, such as the slopes of ELU.
    if scale ?? .constant(1) == .constant(1), shift ?? .constant(0) == .constant(0) { return view }
    if let norm = try normWithFactors(view, scale: scale, shift: shift) { return norm }
    if scale == .constant(0.5), shift == nil, case .multiply = nodes[view.node].operation,
      let source = halvedGELU(nodes[view.node].inputs)
    {
      return try append(node.name, .activation(.gelu), like: at(source, view))
    }
    return try append(node.name, .affine(ChannelFactors(scale: scale, shift: shift)), like: view)
  }

  /// An earlier node of the same size under the axes of a view.
  func at(_ node: Int, _ view: MapView) -> MapView {
    var result = view
    result.node = node
    return result
  }

  private mutating func multiply(_ node: ONNXNode) throws -> [ImportedValue] {
    if let folded = try fold(node) { return folded }
    switch (try required(node, 0), try required(node, 1)) {
    case (.map(let a), .map(let b)): return [.map(try multiply(node, a, b))]
    case (.map(let view), let other), (let other, .map(let view)):
      if let scale = try channelValues(other, on: view, for: node) {
        return [.map(try affine(node, view, scale: scale))]
      }
      return [.map(try multiply(node, view, try lifted(other, for: node)))]
    default: throw unsupported(node, "the product of such operands is not supported")
    }
  }

  mutating func multiply(_ node: ONNXNode, _ a: MapView, _ b: MapView) throws -> MapView {
    if let fused = try activationWritten(node, a, b) { return fused }
    let a = unrepeated(a, with: b)
    let b = unrepeated(b, with: a)
    if a.shape == b.shape && a.isPixel == b.isPixel { return try pair(node, .multiply, a, b) }
    for (x, factor) in [(a, b), (b, a)] {
      let factor = factor.padded(to: x.rank)
      guard factor.rank == x.rank else { continue }
      // The axes of the channels are equal, those of the pixels have extent one in the gate.
      let isGate =
        factor.size.pixels == 1 && x.size.channels == factor.size.channels
        && zip(x.axes, factor.axes).allSatisfy { full, one in
          full.filter { $0.dimension == .channel } == one.filter { $0.dimension != .image }
        }
      // The axes of the pixels are equal, that of the channels has extent one in the mask.
      let isMask =
        factor.size.channels == 1 && factor.size.pixels == x.size.pixels && factor.size.width == x.size.width
        && !factor.isPixel
        && zip(x.axes, factor.axes).allSatisfy { full, one in
          full.filter { $0.dimension != .channel && $0.dimension != .image }
            == one.filter { $0.dimension != .image }
        }
      guard isGate || isMask else { continue }
      var result = try append(
        node.name, isGate ? .gate : .mask, [x, factor], channels: x.size.channels, isPixel: x.isPixel)
      result.axes = x.axes
      return result
    }
    return try pair(node, .multiply, a, b)
  }

  /// x times a function of x, written out: SiLU, quick GELU, hard swish and GELU.
  private mutating func activationWritten(_ node: ONNXNode, _ a: MapView, _ b: MapView) throws -> MapView? {
    for (x, gate) in [(a, b), (b, a)] where gate.axes == x.axes {
      switch nodes[gate.node].operation {
      case .activation(.sigmoid):
        if nodes[gate.node].inputs == [x.node] { return try append(node.name, .activation(.silu), like: x) }
        if let (source, factor) = scaled(nodes[gate.node].inputs[0]), source == x.node, factor == 1.702 {
          return try append(node.name, .activation(.quickGelu), like: x)
        }
      case .activation(.hardsigmoid) where nodes[gate.node].inputs == [x.node]:
        return try append(node.name, .activation(.hardswish), like: x)
      default:
        // Half of x times 1 + erf(x / sqrt(2)).
        if let (source, factor) = scaled(x.node), factor == 0.5, gaussianGate(gate.node) == source {
          return try append(node.name, .activation(.gelu), like: at(source, x))
        }
      }
    }
    return nil
  }

  /// The node that a node multiplies by one number, and that number.
  func scaled(_ node: Int) -> (source: Int, factor: Float)? {
    guard case .affine(let factors) = nodes[node].operation, factors.shift == nil,
      case .constant(let factor) = factors.scale
    else { return nil }
    return (nodes[node].inputs[0], factor)
  }

  /// The x of a node that is 1 + erf(x / sqrt(2)).
  private func gaussianGate(_ node: Int) -> Int? {
    guard case .affine(let factors) = nodes[node].operation, factors.scale == nil,
      factors.shift == .constant(1), case .function(.erf) = nodes[nodes[node].inputs[0]].operation,
      let (source, factor) = scaled(nodes[nodes[node].inputs[0]].inputs[0]),
      abs(factor - Float(0.5).squareRoot()) < 1e-6
    else { return nil }
    return source
  }

  /// The x of a product x (1 + erf(x / sqrt(2))).
  private func halvedGELU(_ inputs: [Int]) -> Int? {
    if gaussianGate(inputs[1]) == inputs[0] { return inputs[0] }
    if gaussianGate(inputs[0]) == inputs[1] { return inputs[1] }
    return nil
  }

  private mutating func add(_ node: ONNXNode) throws -> [ImportedValue] {
    if let folded = try fold(node) { return folded }
    switch (try required(node, 0), try required(node, 1)) {
    case (.map(let a), .map(let b)): return [.map(try pair(node, .add, a, b))]
    case (.map(let view), let other), (let other, .map(let view)):
      if let view = try biased(node, view, other) { return [.map(view)] }
      if let shift = try channelValues(other, on: view, for: node) {
        return [.map(try affine(node, view, shift: shift))]
      }
      return [.map(try pair(node, .add, view, try lifted(other, for: node)))]
    default: throw unsupported(node, "the sum of such operands is not supported")
    }
  }

  /// The fully connected layer with the tensor that is added after it as its bias.
  private mutating func biased(_ node: ONNXNode, _ view: MapView, _ other: ImportedValue) throws -> MapView? {
    guard case .parameter(let parameter) = other, parameter.tensor.spec.shape.count == 1,
      parameter.shape == [view.size.channels] || parameter.isPlain
    else { return nil }
    let input = nodes[view.node].inputs.first ?? 0
    let operation: Operation
    switch nodes[view.node].operation {
    case .linear(let linear) where linear.bias == nil:
      let spec = try resolve(parameter, freeRows: true)
      guard spec.shape == [view.size.channels] else { return nil }
      operation = .linear(
        Linear(
          weight: linear.weight, bias: spec.name, height: linear.height, width: linear.width,
          inputChannels: linear.inputChannels, outputChannels: linear.outputChannels,
          isTransposed: linear.isTransposed))
    case .convolution(let layer)
    where layer.bias == nil && layer.window.isPointwise && layer.groups == 1 && view.endsInChannels:
      let spec = try resolve(parameter)
      guard spec.shape == [view.size.channels] else { return nil }
      operation = .convolution(
        Convolution(
          weight: layer.weight, bias: spec.name, window: layer.window, groups: 1,
          inputChannels: layer.inputChannels, outputChannels: layer.outputChannels))
    default: return nil
    }
    let source = MapView(node: input, size: sizes[input], isPixel: view.isPixel, batch: view.batch)
    var result = try append(
      nodes[view.node].name, operation, [source], channels: view.size.channels, isPixel: view.isPixel)
    result.axes = view.axes
    return result
  }

  private mutating func subtract(_ node: ONNXNode) throws -> [ImportedValue] {
    if let folded = try fold(node) { return folded }
    switch (try required(node, 0), try required(node, 1)) {
    case (.map(let a), .map(let b)):
      return [.map(try pair(node, .add, a, try affine(node, b, scale: .constant(-1))))]
    case (.map(let view), let other):
      if let shift = try channelValues(other, on: view, for: node, { -$0 }) {
        return [.map(try affine(node, view, shift: shift))]
      }
      let negative = try affine(node, try lifted(other, for: node), scale: .constant(-1))
      return [.map(try pair(node, .add, view, negative))]
    case (let other, .map(let view)):
      if let shift = try channelValues(other, on: view, for: node) {
        return [.map(try affine(node, view, scale: .constant(-1), shift: shift))]
      }
      let negative = try affine(node, view, scale: .constant(-1))
      return [.map(try pair(node, .add, negative, try lifted(other, for: node)))]
    default: throw unsupported(node, "the difference of such operands is not supported")
    }
  }

  private mutating func divide(_ node: ONNXNode) throws -> [ImportedValue] {
    if let folded = try fold(node) { return folded }
    let (dividend, divisor) = (try required(node, 0), try required(node, 1))
    if case .map(let view) = dividend, try constant(divisor) != nil {
      if let scale = try channelValues(divisor, on: view, for: node, { 1 / $0 }) {
        return [.map(try affine(node, view, scale: scale))]
      }
    }
    let (a, b) = (try lifted(dividend, for: node), try lifted(divisor, for: node))
    if let norm = try normWritten(node, a, b) { return [.map(norm)] }
    let factor = try append(node.name, .function(.reciprocal), like: b)
    if let numbers = try constant(dividend), numbers.uniform == 1, numbers.count == 1 {
      return [.map(factor)]
    }
    return [.map(try multiply(node, a, factor))]
  }

  /// Two maps, element by element, broadcast where their shapes differ.
  mutating func pair(_ node: ONNXNode, _ operation: Operation, _ a: MapView, _ b: MapView) throws -> MapView {
    let a = unrepeated(a, with: b)
    let b = unrepeated(b, with: a)
    var (x, y) = (a, b)
    if a.axes != b.axes || a.size != b.size {
      if a.shape == b.shape, canReorder(a), canReorder(b) {
        (x, y) = (try plain(a, for: node), try plain(b, for: node))
      } else {
        let views = try aligned([a, b], for: node)
        (x, y) = (views[0], views[1])
      }
    }
    var result = try append(
      node.name, operation, [x, y], channels: x.size.channels, isPixel: a.isPixel && b.isPixel)
    result.axes = Self.withoutImages(x.axes) == x.axes ? y.axes : x.axes
    return result
  }

  /// True for [images, channels, rows, columns] with channels in any order, at any size of the input.
  private func canReorder(_ view: MapView) -> Bool {
    view.rank == 4 && view.axes[0] == view.images && view.axes[2] == view.rows
      && view.axes[3] == view.columns && view.axes[1].allSatisfy { $0.dimension == .channel }
  }

  /// A constant operand as one number for each channel of a map; nil where it has another form.
  mutating func channelValues(
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
    // Exporters store numbers of the code as tensors without axes.
    if shape.isEmpty, let number = try constant(value)?.reals.first {
      return .constant(Float(change.map { $0(number) } ?? number))
    }
    // Position along the constant's only nontrivial axis for each of the map's channels.
    var positions = Array(repeating: 0, count: view.size.channels)
    let offset = view.rank - shape.count
    let filled = shape.indices.filter { shape[$0] != 1 }
    if let axis = filled.first {
      guard filled.count == 1, shape[axis] > 0, view.shape[axis + offset] == shape[axis] else { return nil }
      var stride = shape[axis]
      for part in view.axes[axis + offset] {
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
