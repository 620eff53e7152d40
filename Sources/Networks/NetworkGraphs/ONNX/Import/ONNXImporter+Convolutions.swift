import Checkpoint

extension ONNXImporter {
  static let convolutionRules: [String: Rule] = [
    "Conv": { importer, node in [.map(try importer.convolution(node))] },
    "Gemm": { importer, node in [.map(try importer.fullyConnected(node))] },
    "BatchNormalization": { try $0.batchNorm($1) },
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
    guard weight.shape[0] == 1, weight.shape[1] == 1, view.size.pixels == 1, view.rank == 3,
      view.axes == [view.images, [], view.channels], taps % 2 == 1, taps <= 1 << 12,
      pads == [taps / 2, taps / 2],
      (node.ints("strides") ?? [1]) == [1], (node.ints("dilations") ?? [1]) == [1],
      try bias(node, 2, channels: 1) == (nil, nil),
      weight.isPlain
    else { throw unsupported(node, "of one-dimensional convolutions one filter over channels is supported") }
    let key = try resolve(weight).name
    return try append(
      Self.module(of: key, or: node), .acrossChannels(weight: key, taps: taps, padding: taps / 2), like: view)
  }

  /// A fully connected layer on a row for each image.
  mutating func fullyConnected(_ node: ONNXNode) throws -> MapView {
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
    result.axes = view.axes.dropLast() + [result.channels]
    return try shifted(result, by: bias.rest, node)
  }

  /// True for one row for each image, at any size of the input.
  func isRow(_ view: MapView) -> Bool {
    view.rank >= 2 && view.axes.dropLast().allSatisfy { $0.isEmpty || $0 == view.images }
      && (view.isFlat || view.size.pixels == 1)
  }

  /// The map whose elements, flattened as PyTorch does, are the row that a fully connected layer reads.
  private mutating func flat(_ view: MapView, for node: ONNXNode) throws -> MapView {
    guard isRow(view) else {
      throw unsupported(node, "an operand of shape \(view.shape) is no row for each image")
    }
    if view.isFlat { return view }
    var flat = view
    flat.axes = [view.images, view.axes.last ?? [], [], []]
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

  /// The view with all channels of a map as its second axis.
  mutating func channelsSecond(_ view: MapView, for node: ONNXNode) throws -> MapView {
    guard view.rank > 1 else { throw unsupported(node, "an operand of shape \(view.shape) has no channels") }
    if view.axes[1] == view.channels { return view }
    if view.rank == 4, view.axes[0] == view.images { return try plain(view, for: node) }
    let others = view.axes.indices.filter { $0 != 1 }
    let last = try rowwise(view.permuted(others + [1]), for: node)
    return last.permuted([0, view.rank - 1] + (1..<view.rank - 1))
  }

  private mutating func batchNorm(_ node: ONNXNode) throws -> [ImportedValue] {
    if let standardized = try standardized(node) { return [.numbers(standardized)] }
    return [.map(try batchNormOfMap(node))]
  }

  /// Standardization of a weight, exported as a BatchNorm in training mode, or as one with the statistics that earlier nodes
  /// compute (Qiao et al.: "Micro-Batch Training with Batch-Channel Normalization and Weight Standardization", 2019).
  private func standardized(_ node: ONNXNode) throws -> Numbers? {
    guard let weight = try constant(try required(node, 0)) else { return nil }
    guard weight.shape.count >= 2, let scale = try numbers(node, 1), let shift = try numbers(node, 2),
      scale.shape == [weight.shape[1]], shift.shape == scale.shape
    else { throw unsupported(node, "scale and shift do not fit \(weight.shape)") }
    let (mean, variance): ([Double], [Double])
    if node.int("training_mode") ?? 0 != 0 {
      let axes = Set(weight.shape.indices.filter { $0 != 1 })
      mean = weight.reduced(over: axes) { $0.reduce(0, +) / Double(max($0.count, 1)) }.reals
      variance =
        weight.reduced(over: axes) { values in
          let mean = values.reduce(0, +) / Double(max(values.count, 1))
          return values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(max(values.count, 1))
        }.reals
    } else {
      guard let given = try numbers(node, 3), let other = try numbers(node, 4), given.shape == scale.shape,
        other.shape == scale.shape
      else { throw unsupported(node, "mean and variance do not fit \(weight.shape)") }
      (mean, variance) = (given.reals, other.reals)
    }
    let eps = node.real("epsilon") ?? 1e-5
    let inner = weight.shape.dropFirst(2).reduce(1, *)
    let (factors, summands, values) = (scale.reals, shift.reals, weight.reals)
    return Numbers(
      reals: values.indices.map { index in
        let channel = index / max(inner, 1) % weight.shape[1]
        return (values[index] - mean[channel]) / (variance[channel] + eps).squareRoot() * factors[channel]
          + summands[channel]
      }, shape: weight.shape)
  }

  private mutating func batchNormOfMap(_ node: ONNXNode) throws -> MapView {
    let view = try map(node)
    let input = try channelsSecond(view, for: node)
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
    // By its tensors as well: initializers of other names than PyTorch's leave the name to the node.
    let isUsed = nodes.contains {
      guard case .batchNorm(let layer) = $0.operation else { return false }
      return layer.name == name || layer.runningMeanKey == mean || layer.runningVarKey == variance
    }
    guard !isUsed else {
      throw unsupported(
        node,
        "the BatchNorm \"\(TensorName(name))\" is used twice, and one layer's statistics are those of one map"
      )
    }
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
