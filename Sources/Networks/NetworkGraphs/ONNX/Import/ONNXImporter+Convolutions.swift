import Checkpoint

extension ONNXImporter {
  static let convolutionRules: [String: Rule] = [
    "Conv": { importer, node in [.map(try importer.convolution(node))] },
    "Gemm": { importer, node in [.map(try importer.product(node))] },
    "MatMul": { importer, node in [.map(try importer.product(node))] },
    "BatchNormalization": { importer, node in [.map(try importer.batchNorm(node))] },
  ]

  private mutating func convolution(_ node: ONNXNode) throws -> MapView {
    let weight = try parameter(node, 1, "weight")
    if weight.shape.count == 3 { return try acrossChannels(node, weight) }
    guard weight.shape.count == 4, weight.isPlain else {
      throw unsupported(node, "expected a weight [outputs, inputs, rows, columns], found \(weight.shape)")
    }
    var input = try plain(try map(node), for: node)
    var window = try window(node, kernel: Array(weight.shape[2...]))
    let groups = node.int("group") ?? 1
    let (outputs, depth) = (weight.shape[0], weight.shape[1])
    let (inputs, overflow) = depth.multipliedReportingOverflow(by: groups)
    guard groups > 0, !overflow, inputs == input.size.channels, outputs > 0, outputs % groups == 0 else {
      throw unsupported(
        node,
        "a weight of shape \(weight.shape) in \(groups) groups does not fit \(input.size.channels) channels")
    }
    // Zeros that an earlier node pads around the map become the convolution's own padding.
    if case .pad(let margins) = nodes[input.node].operation, margins.filling == .constant(0),
      let joined = window.padded(by: margins)
    {
      let source = nodes[input.node].inputs[0]
      input = MapView(node: source, size: sizes[source], isPixel: false, batch: input.batch)
      window = joined
    }
    let bias = try bias(node, 2, channels: outputs)
    let key = try resolve(weight).name
    let operation = Convolution(
      weight: key, bias: bias.key, window: window, groups: groups, inputChannels: input.size.channels,
      outputChannels: outputs)
    let isPixel = input.isPixel && window.isPointwise
    let result = try append(
      Self.module(of: key, or: node), .convolution(operation), [input], channels: outputs, isPixel: isPixel)
    return try shifted(result, by: bias.rest, node)
  }

  /// Efficient channel attention (Wang et al. 2020): one filter slides over the means of the channels.
  private mutating func acrossChannels(_ node: ONNXNode, _ weight: ImportedValue.Parameter) throws -> MapView
  {
    let view = try map(node)
    let taps = weight.shape[2]
    let pads = node.ints("pads") ?? [0, 0]
    guard weight.shape[0] == 1, weight.shape[1] == 1, view.size.pixels == 1, view.axes.count == 2,
      view.axes == [[], view.channels], taps % 2 == 1, taps <= 1 << 12, pads == [taps / 2, taps / 2],
      (node.ints("strides") ?? [1]) == [1], (node.ints("dilations") ?? [1]) == [1],
      try bias(node, 2, channels: 1) == (nil, nil),
      weight.isPlain
    else { throw unsupported(node, "of one-dimensional convolutions one filter over channels is supported") }
    let key = try resolve(weight).name
    return try append(
      Self.module(of: key, or: node), .acrossChannels(weight: key, taps: taps, padding: taps / 2), like: view)
  }

  private mutating func product(_ node: ONNXNode) throws -> MapView {
    let view = try map(node)
    let weight = try parameter(node, 1, "weight")
    let isGemm = node.type == "Gemm"
    guard node.real("alpha") ?? 1 == 1, node.real("beta") ?? 1 == 1, node.int("transA") ?? 0 == 0 else {
      throw unsupported(node, "alpha, beta and transA are expected to be 1, 1 and 0")
    }
    let isStoredTransposed = (isGemm && node.int("transB") ?? 0 != 0) == weight.isTransposed
    guard weight.shape.count == 2, weight.shape.allSatisfy({ $0 > 0 }),
      weight.isTransposed || weight.isPlain
    else { throw unsupported(node, "expected a weight of two dimensions, found \(weight.shape)") }
    let input = try flat(view, for: node)
    let stored = weight.tensor.spec.shape
    let inputs = isStoredTransposed ? stored[0] : stored[1]
    guard inputs == input.size.count else {
      throw unsupported(
        node, "a weight of \(inputs) inputs does not fit the \(input.size.count) of an operand")
    }
    let spec = try resolve(weight, freeRows: !isStoredTransposed)
    let outputs = isStoredTransposed ? spec.shape[1] : spec.shape[0]
    let bias = isGemm ? try bias(node, 2, channels: outputs) : (key: nil, rest: nil)
    let linear = Linear(
      weight: spec.name, bias: bias.key, height: input.size.height, width: input.size.width,
      inputChannels: input.size.channels, outputChannels: outputs, isTransposed: isStoredTransposed)
    var result = try append(
      Self.module(of: spec.name, or: node), .linear(linear), [input], channels: outputs, isPixel: true)
    result.axes = Array(repeating: [], count: view.axes.count - 1) + [result.channels]
    return try shifted(result, by: bias.rest, node)
  }

  /// The map whose elements, flattened as PyTorch does, are the row that a fully connected layer reads.
  private mutating func flat(_ view: MapView, for node: ONNXNode) throws -> MapView {
    guard view.rank >= 2, view.axes.dropLast().allSatisfy(\.isEmpty) else {
      throw unsupported(node, "an operand of shape \(view.shape) is no row for each image")
    }
    if view.isFlat { return view }
    var flat = view
    flat.axes = [view.axes.last ?? [], [], []]
    guard view.size.pixels == 1 else {
      throw unsupported(node, "rows and columns of an operand are out of order")
    }
    return try plain(flat, for: node)
  }

  /// A bias as the key of a tensor, or as factors where it is not a tensor of the right size.
  mutating func bias(_ node: ONNXNode, _ index: Int, channels: Int) throws -> (
    key: TensorName?, rest: ChannelFactors?
  ) {
    switch operand(node, index) {
    case nil: return (nil, nil)
    case .parameter(let parameter) where parameter.shape.reduce(1, *) == parameter.shape.last:
      let spec = try resolve(parameter, freeRows: true)
      guard spec.shape.count == 1, spec.shape[0] == channels else {
        throw NetworkError.wrongShape(label: state.label, tensor: spec, expected: [channels])
      }
      return (spec.name, nil)
    case .numbers(let numbers):
      guard let wide = numbers.broadcast(to: [channels]) else {
        throw unsupported(node, "a bias of shape \(numbers.shape) does not fit \(channels) channels")
      }
      let isZero = wide.reals.allSatisfy { $0 == 0 }
      return (nil, isZero ? nil : ChannelFactors(shift: .constants(wide.reals.map { Float($0) })))
    default: throw unsupported(node, "the bias is expected to be a tensor of \(channels) numbers")
    }
  }

  mutating func shifted(_ view: MapView, by factors: ChannelFactors?, _ node: ONNXNode) throws
    -> MapView
  {
    guard let factors else { return view }
    return try append(node.name, .affine(factors), like: view)
  }

  private mutating func batchNorm(_ node: ONNXNode) throws -> MapView {
    let view = try map(node)
    // Statistics are per channel, so that it does not matter how rows and columns are joined: [images, channels],
    // [images, channels, positions] and maps alike.
    let input = view.axes.first == view.channels ? view : try plain(view, for: node)
    let channels = input.size.channels
    func statistic(_ index: Int, _ what: String) throws -> TensorName {
      let parameter = try parameter(node, index, what)
      guard parameter.shape == [channels], parameter.isPlain else {
        throw unsupported(node, "a \(what) of shape \(parameter.shape) does not fit \(channels) channels")
      }
      return try resolve(parameter).name
    }
    let (mean, variance) = (try statistic(3, "running mean"), try statistic(4, "running variance"))
    var factors = ChannelFactors()
    func factor(_ index: Int, _ neutral: Double, _ what: String) throws -> (TensorName?, Float?) {
      guard case .numbers(let numbers)? = operand(node, index) else {
        return (try statistic(index, what), nil)
      }
      guard let value = numbers.uniform else {
        throw unsupported(node, "the \(what) is expected to be an initializer")
      }
      return (nil, value == neutral ? nil : Float(value))
    }
    let scale = try factor(1, 1, "scale")
    let shift = try factor(2, 0, "shift")
    factors.scale = scale.1.map { .constant($0) }
    factors.shift = shift.1.map { .constant($0) }
    guard scale.0 != nil || shift.0 == nil || factors.scale == nil else {
      throw unsupported(node, "scale and shift are expected to be initializers")
    }
    let name = Self.module(of: mean, or: node)
    let isUsed = nodes.contains {
      if case .batchNorm(let layer) = $0.operation { layer.name == name } else { false }
    }
    guard !isUsed else { throw unsupported(node, "the BatchNorm \"\(TensorName(name))\" is used twice") }
    let absent = TensorName("")
    let layer = BatchNormLayer(
      name: name, channels: channels, eps: node.real("epsilon") ?? 1e-5,
      // ONNX's momentum is the weight of the old statistics, PyTorch's that of the batch.
      momentum: ((1 - (node.real("momentum") ?? 0.9)) * 1e6).rounded() / 1e6, nodeIndex: nextNode,
      keys: (scale.0 ?? absent, shift.0 ?? absent, mean, variance))
    let result = try append(name, .batchNorm(layer), like: input)
    return factors == ChannelFactors() ? result : try append(node.name, .affine(factors), like: result)
  }

  /// The module of a tensor, which names the layer.
  static func module(of key: TensorName, or node: ONNXNode) -> String {
    guard let dot = key.string.lastIndex(of: "."),
      ["weight", "running_mean"].contains(key.string[key.string.index(after: dot)...])
    else { return node.name.isEmpty ? key.string : node.name }
    return String(key.string[..<dot])
  }
}
