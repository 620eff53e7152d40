import Checkpoint

/// Normalization of layers, groups and instances, as operators of their own and written out by older exporters.
extension ONNXImporter {
  static let normRules: [String: Rule] = [
    "LayerNormalization": { importer, node in [.map(try importer.layerNorm(node))] },
    "GroupNormalization": { importer, node in [.map(try importer.groupNorm(node))] },
    "InstanceNormalization": { importer, node in [.map(try importer.instanceNorm(node))] },
    "LpNormalization": { importer, node in [.map(try importer.lengthNorm(node))] },
  ]

  /// Scale or shift of a norm: a tensor, or numbers that are all neutral.
  private mutating func factor(
    _ node: ONNXNode, _ index: Int, count: Int, neutral: Double
  ) throws -> TensorName? {
    guard let value = operand(node, index) else { return nil }
    guard Numbers.checkedCount(shape(of: value)) == count else {
      throw unsupported(node, "operand \(index) of shape \(shape(of: value)) does not fit \(count) channels")
    }
    switch value {
    case .parameter(let parameter) where !parameter.isTransposed: return try resolve(parameter).name
    case .numbers(let numbers): return numbers.uniform == neutral ? nil : keep(numbers)
    default: throw unsupported(node, "operand \(index) is expected to be an initializer")
    }
  }

  // MARK: Layers

  private mutating func layerNorm(_ node: ONNXNode) throws -> MapView {
    let view = try liftedMap(node)
    let first = try axis(node, node.int("axis") ?? -1, rank: view.rank)
    // Several normalized axes are one.
    var joined = view
    joined.axes = view.axes[..<first] + [MapView.joined(view.axes[first...].flatMap { $0 })]
    let count = joined.shape[first]
    guard count > 0, node.outputs.count == 1 || node.outputs.dropFirst().allSatisfy(\.isEmpty) else {
      throw unsupported(node, "mean and deviation as results are not supported")
    }
    let weight = try factor(node, 1, count: count, neutral: 1)
    let bias = try factor(node, 2, count: count, neutral: 0)
    let (input, groups) = try normalizable(joined, for: node)
    let norm = LayerNorm(
      weight: weight, bias: bias, eps: Float(node.real("epsilon") ?? 1e-5), groups: groups)
    let name = weight.map { Self.module(of: $0, or: node) } ?? node.name
    var result = try append(name, .layerNorm(norm), like: input)
    if first + 1 < view.rank {
      guard let split = result.reshaped(view.shape) else {
        throw unsupported(node, "the normalized axes cannot be told apart")
      }
      result = split
    }
    return result
  }

  /// The view with its last axis as all channels, or as each of several ranges of them.
  private mutating func normalizable(_ view: MapView, for node: ONNXNode) throws -> (MapView, groups: Int) {
    if let axis = view.axes.last, axis.count == 1, let part = axis.first, part.dimension == .channel,
      part.stride == 1, view.size.channels.isMultiple(of: part.extent)
    {
      return (view, view.size.channels / part.extent)
    }
    return (try rowwise(view, for: node), 1)
  }

  // MARK: Groups

  private mutating func groupNorm(_ node: ONNXNode) throws -> MapView {
    let view = try map(node)
    guard view.rank >= 2, view.axes[0] == view.images, let groups = node.int("num_groups"), groups > 0,
      view.shape[1].isMultiple(of: groups)
    else { throw unsupported(node, "num_groups does not fit \(view.shape)") }
    let input = try channelsSecond(view, for: node)
    let channels = input.size.channels
    guard input.shape[1] == channels else {
      throw unsupported(node, "the channels of an operand are out of order")
    }
    // Version 18 had a number for each group, which PyTorch never uses but for 1 and 0.
    let count = model.opset < 21 ? groups : channels
    if count != channels {
      let (scale, shift) = (try numbers(node, 1)?.uniform ?? 1, try numbers(node, 2)?.uniform ?? 0)
      guard scale == 1, shift == 0 else {
        throw unsupported(node, "a scale for every group is not supported")
      }
    }
    let norm = GroupNorm(
      groups: groups, weight: try factor(node, 1, count: count, neutral: 1),
      bias: try factor(node, 2, count: count, neutral: 0), eps: Float(node.real("epsilon") ?? 1e-5))
    return try append(node.name, .groupNorm(norm), like: input)
  }

  /// A norm of every position along the second axis: a group norm if these are groups of channels.
  private mutating func instanceNorm(_ node: ONNXNode) throws -> MapView {
    let view = try map(node)
    guard view.rank >= 2, view.axes[0] == view.images else {
      throw unsupported(node, "expected [images, channels, …], found \(view.shape)")
    }
    let eps = Float(node.real("epsilon") ?? 1e-5)
    let groups = view.shape[1]
    let channels = view.size.channels
    let isGroups =
      groups > 0 && channels.isMultiple(of: groups)
      && view.axes[1]
        == (groups == 1
          ? [] : [MapView.Part(dimension: .channel, stride: channels / groups, extent: groups)])
    let scale = try factor(node, 1, count: groups, neutral: 1)
    let shift = try factor(node, 2, count: groups, neutral: 0)
    guard isGroups else {
      // The rest as channels of one row for each position.
      var joined = view
      joined.axes = [view.axes[0], view.axes[1], MapView.joined(view.axes[2...].flatMap { $0 })]
      let input = try dense(joined, for: node)
      guard scale == nil, shift == nil else { throw unsupported(node, "of such an operand is not supported") }
      let result = try append(
        node.name, .layerNorm(LayerNorm(weight: nil, bias: nil, eps: eps)), like: input)
      return try reshaped(result, like: view, for: node)
    }
    if groups == channels {
      return try append(
        node.name, .groupNorm(GroupNorm(groups: groups, weight: scale, bias: shift, eps: eps)), like: view)
    }
    let norm = GroupNorm(groups: groups, weight: nil, bias: nil, eps: eps)
    let result = try append(node.name, .groupNorm(norm), like: view)
    func repeated(_ index: Int) throws -> ChannelFactors.Values? {
      try numbers(node, index).map { numbers in
        .constants((0..<channels).map { Float(numbers.reals[$0 / (channels / groups)]) })
      }
    }
    return try affine(
      node, result, scale: scale == nil ? nil : repeated(1), shift: shift == nil ? nil : repeated(2))
  }

  private mutating func reshaped(_ view: MapView, like other: MapView, for node: ONNXNode) throws -> MapView {
    guard let result = view.reshaped(other.shape) else {
      throw unsupported(node, "the shape \(view.shape) does not become \(other.shape)")
    }
    return result
  }

  /// Rows divided by their Euclidean norms.
  private mutating func lengthNorm(_ node: ONNXNode) throws -> MapView {
    let view = try liftedMap(node)
    guard node.int("p") ?? 2 == 2 else { throw unsupported(node, "expected p = 2") }
    let index = try axis(node, node.int("axis") ?? -1, rank: view.rank)
    let order = view.axes.indices.filter { $0 != index } + [index]
    let input = try rowwise(view.permuted(order), for: node)
    var norms = try append(
      node.name, .reduceChannels(.euclideanNorm), [input], channels: 1, isPixel: input.isPixel)
    norms.axes = input.axes.dropLast() + [[]]
    let factor = try append(node.name, .function(.reciprocal), like: norms)
    let result = try multiply(node, input, factor)
    return result.permuted(view.axes.indices.map { order.firstIndex(of: $0)! })
  }

  // MARK: Norms written out

  /// (x - mean) / sqrt(mean of (x - mean)^2 + eps) over the channels as a LayerNorm; nil for other quotients.
  mutating func normWritten(_ node: ONNXNode, _ dividend: MapView, _ divisor: MapView) throws -> MapView? {
    func source(_ node: Int) -> Int { nodes[node].inputs.first ?? 0 }
    guard case .function(.squareRoot) = nodes[divisor.node].operation else { return nil }
    let sum = source(divisor.node)
    guard case .affine(let factors) = nodes[sum].operation, factors.scale == nil,
      case .constant(let eps) = factors.shift
    else { return nil }
    let variance = source(sum)
    guard case .reduceChannels(.mean) = nodes[variance].operation else { return nil }
    let square = source(variance)
    guard case .multiply = nodes[square].operation, nodes[square].inputs == [dividend.node, dividend.node],
      case .add = nodes[dividend.node].operation
    else { return nil }
    let (x, repeated) = (nodes[dividend.node].inputs[0], nodes[dividend.node].inputs[1])
    guard case .arrange(let arrangement) = nodes[repeated].operation,
      // The mean of a pixel for all of its channels.
      arrangement.channels.allSatisfy({ $0.pixels == 0 && $0.channels == 0 }),
      arrangement.source.pixels == sizes[x].pixels, arrangement.source.channels == 1,
      arrangement.rows == StridedAxis.merged([StridedAxis(extent: sizes[x].pixels, pixels: 1, channels: 0)]),
      let (mean, factor) = scaled(source(repeated)), factor == -1,
      case .reduceChannels(.mean) = nodes[mean].operation, nodes[mean].inputs == [x]
    else { return nil }
    return try append(
      node.name, .layerNorm(LayerNorm(weight: nil, bias: nil, eps: eps)), like: at(x, dividend))
  }

  /// A LayerNorm with the scale or shift that follows it as its own; nil for other views.
  mutating func normWithFactors(
    _ view: MapView, scale: ChannelFactors.Values?, shift: ChannelFactors.Values?
  ) throws -> MapView? {
    guard case .layerNorm(let norm) = nodes[view.node].operation, norm.groups == 1, norm.bias == nil else {
      return nil
    }
    let changed: LayerNorm
    var name = nodes[view.node].name
    switch (scale, shift) {
    case (.tensor(let key)?, nil) where norm.weight == nil:
      changed = LayerNorm(weight: key, bias: nil, eps: norm.eps)
      if let dot = key.string.lastIndex(of: "."), key.string.hasSuffix(".weight") {
        name = String(key.string[..<dot])
      }
    case (nil, .tensor(let key)?) where norm.weight != nil:
      changed = LayerNorm(weight: norm.weight, bias: key, eps: norm.eps)
    default: return nil
    }
    // Tensors of one element are factors of all channels, which a norm's are not.
    guard
      [changed.weight, changed.bias].compactMap({ $0 }).allSatisfy({ key in
        (state.spec(key.string)?.shape ?? ownTensors[key]?.shape)?.reduce(1, *) == view.size.channels
      })
    else { return nil }
    let source = at(nodes[view.node].inputs[0], view)
    return try append(name, .layerNorm(changed), like: source)
  }
}
