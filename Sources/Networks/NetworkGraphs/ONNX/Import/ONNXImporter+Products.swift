import Checkpoint
import Platform

/// Matrix products and softmax: fully connected layers on tokens, products of two values, attention.
extension ONNXImporter {
  static let tokenRules: [String: Rule] = [
    "MatMul": { importer, node in [.map(try importer.matrixProduct(node))] },
    "Einsum": { importer, node in [.map(try importer.einsum(node))] },
    "Softmax": { try $0.softmax($1) },
    "LogSoftmax": { try $0.softmax($1) },
    "ArgMax": { try $0.ranking($1) },
    "TopK": { try $0.ranking($1) },
  ]

  // MARK: Products

  private mutating func matrixProduct(_ node: ONNXNode) throws -> MapView {
    if case .map(let view) = try required(node, 0), let weight = try weight(node, 1) {
      return isRow(view) ? try fullyConnected(node) : try pointwise(view, weight, for: node)
    }
    return try product(try liftedMap(node, 0), try liftedMap(node, 1), for: node)
  }

  /// A constant matrix; nil where the operand is something else.
  private func weight(_ node: ONNXNode, _ index: Int) throws -> ImportedValue.Parameter? {
    switch try required(node, index) {
    case .parameter(let parameter) where parameter.shape.count == 2:
      return parameter.isPlain || parameter.isTransposed
        ? parameter : computed(try read(parameter), as: node.inputs[index])
    case .numbers(let numbers) where numbers.shape.count == 2:
      return computed(numbers, as: node.inputs[index])
    default: return nil
    }
  }

  /// A fully connected layer on every token: a convolution of one tap.
  private mutating func pointwise(
    _ view: MapView, _ weight: ImportedValue.Parameter, for node: ONNXNode
  ) throws -> MapView {
    let input = try rowwise(view, for: node)
    guard weight.shape.allSatisfy({ $0 > 0 }), weight.shape[0] == input.size.channels else {
      throw unsupported(
        node, "a weight of \(weight.shape[0]) inputs does not fit the \(input.size.channels) of an operand")
    }
    // PyTorch stores [outputs][inputs], which is what a transposed weight is stored as.
    let key =
      weight.isTransposed ? try resolve(weight).name : keep(try read(weight).transposed([1, 0]))
    let convolution = Convolution(
      weight: key, bias: nil, window: Window(1), groups: 1, inputChannels: input.size.channels,
      outputChannels: weight.shape[1])
    var result = try append(
      Self.module(of: key, or: node), .convolution(convolution), [input], channels: weight.shape[1],
      isPixel: input.isPixel)
    result.axes = input.axes.dropLast() + [result.channels]
    return result
  }

  /// A product of two values, [axes of both][row][depth] and [axes of both][depth][column].
  private mutating func product(_ a: MapView, _ b: MapView, for node: ONNXNode) throws -> MapView {
    guard a.rank >= 2, b.rank >= 2 else {
      throw unsupported(node, "the product of a vector is not supported")
    }
    let rank = max(a.rank, b.rank)
    var (left, right) = (a.padded(to: rank), b.padded(to: rank))
    let (rows, columns) = (left.shape[rank - 2], right.shape[rank - 1])
    guard left.shape[rank - 1] == right.shape[rank - 2],
      zip(left.shape, right.shape).dropLast(2).allSatisfy({ $0 == $1 || $0 == 1 || $1 == 1 })
    else { throw unfit(node, a, b) }
    if let attention = try attention(left, right, for: node) { return attention }
    left = try matrix(left, for: node)
    right = try matrix(right, for: node)
    var shared = Self.shared([left, right], axes: 0..<rank - 2)
    if shared == nil {
      (left, right) = (try dense(left, for: node), try dense(right, for: node))
      shared = Self.shared([left, right], axes: 0..<rank - 2)
    }
    guard let shared else { throw unfit(node, a, b) }
    let product = StridedProduct(
      sources: [left.size, right.size], shared: shared, rows: Self.step(left, rank - 2),
      columns: Self.step(right, rank - 1), depth: [Self.step(left, rank - 1), Self.step(right, rank - 2)])
    guard let height = (shared.map(\.extent) + [rows]).checkedProduct, height <= Self.largestMap else {
      throw unsupported(node, "the product of \(a.shape) and \(b.shape) is too large")
    }
    var result = try append(node.name, .product(product), [left, right], channels: columns)
    result.isPixel = height == 1
    let images = try zip(axisSteps(left), axisSteps(right)).map { $0.images.isEmpty ? $1.images : $0.images }
    let extents = (0..<rank - 2).map { axis in
      max(Self.inner(left.axes[axis]), Self.inner(right.axes[axis]))
    }
    result.axes = Self.rowMajor(
      zip(images, extents + [rows, columns]).map { (images: $0, extent: $1) })
    return result
  }

  /// The steps of an axis that has no more than one.
  private static func step(_ view: MapView, _ axis: Int) -> StridedAxis {
    view.steps(view.axes[axis]).first ?? StridedAxis(extent: 1, pixels: 0, channels: 0)
  }

  /// Positions along an axis of one image.
  private static func inner(_ axis: [MapView.Part]) -> Int {
    axis.reduce(1) { $1.dimension == .image ? $0 : $0 * $1.extent }
  }

  /// True if the last two axes are a matrix in BLAS's form: one step each, one of them from channel to channel.
  private func isMatrix(_ view: MapView) -> Bool {
    let axes = [view.rank - 2, view.rank - 1]
    guard axes.allSatisfy({ view.steps(view.axes[$0]).count <= 1 }) else { return false }
    let steps = axes.map { Self.step(view, $0) }
    // A step of several pixels and one channel would need another distance between rows than the map has.
    return steps.contains { $0.isContiguous } && steps.allSatisfy { $0.pixels == 0 || $0.channels == 0 }
  }

  /// The view with its last two axes as a matrix: pixels in another order where that suffices, so that heads stay next to each
  /// other and windows move in whole rows of channels.
  private mutating func matrix(_ view: MapView, for node: ONNXNode) throws -> MapView {
    if isMatrix(view) { return view }
    if let sorted = try pixelsInOrder(view, for: node), isMatrix(sorted) { return sorted }
    return try dense(view, for: node)
  }

  /// The view with pixels in the order of the axes, channels as they are; nil where an axis runs through both.
  private mutating func pixelsInOrder(_ view: MapView, for node: ONNXNode) throws -> MapView? {
    let own = Self.withoutImages(view.axes)
    let isOfPixels = own.map { axis in axis.contains { $0.dimension != .channel } }
    guard
      zip(own, isOfPixels).allSatisfy({ axis, ofPixels in
        !ofPixels || axis.allSatisfy { $0.dimension != .channel }
      })
    else { return nil }
    let axes = try axisSteps(view)
    let rows = StridedAxis.merged(axes.indices.filter { isOfPixels[$0] }.flatMap { axes[$0].steps })
    let channels = [StridedAxis(extent: view.size.channels, pixels: 0, channels: 1)]
    let arrangement = Arrangement(
      source: view.size, height: view.size.pixels, width: 1, rows: rows,
      channels: StridedAxis.merged(channels))
    var result = try append(node.name, .arrange(arrangement), [view], channels: view.size.channels)
    result.isPixel = result.size.pixels == 1
    let wanted = Self.rowMajor(
      axes.indices.map { (images: axes[$0].images, extent: isOfPixels[$0] ? axes[$0].extent : 1) },
      channelAxes: 0)
    result.axes = view.axes.indices.map { isOfPixels[$0] ? wanted[$0] : view.axes[$0] }
    return result
  }

  /// Axes that values share, split so that each is one step in every value; an extent of 1 is repeated.
  private static func shared(_ views: [MapView], axes: Range<Int>) -> [SharedAxis]? {
    var result: [SharedAxis] = []
    for axis in axes {
      let extent = views.map { inner($0.axes[axis]) }.max() ?? 1
      let steps = views.map { view in
        inner(view.axes[axis]) == extent
          ? view.steps(view.axes[axis]) : [StridedAxis(extent: extent, pixels: 0, channels: 0)]
      }
      guard let refined = StridedAxis.refined(steps) else { return nil }
      for index in refined[0].indices {
        result.append(
          SharedAxis(extent: refined[0][index].extent, steps: refined.map { $0[index] }))
      }
    }
    return result
  }

  // MARK: Einsum

  /// A sum of products of two values, written with a letter for every axis.
  private mutating func einsum(_ node: ONNXNode) throws -> MapView {
    let equation = (node.text("equation") ?? "").utf8.filter { $0 != UInt8(ascii: " ") }
    let sides = equation.split(separator: UInt8(ascii: ","), omittingEmptySubsequences: false)
    guard sides.count == 2, node.inputs.count == 2 else {
      throw unsupported(node, "expected two operands in the equation")
    }
    let rest = Array(sides[1])
    guard let arrow = rest.firstIndex(of: UInt8(ascii: "-")), arrow + 1 < rest.count,
      rest[arrow + 1] == UInt8(ascii: ">")
    else { throw unsupported(node, "expected an equation with a result") }
    let (a, b, c) = (Array(sides[0]), Array(rest[..<arrow]), Array(rest[(arrow + 2)...]))
    let (left, right) = (try liftedMap(node, 0), try liftedMap(node, 1))
    let isLetters = (a + b + c).allSatisfy { (65...90).contains($0) || (97...122).contains($0) }
    guard isLetters, a.count == left.rank, b.count == right.rank, Set(a).count == a.count,
      Set(b).count == b.count, Set(c).count == c.count, Set(c).isSubset(of: Set(a + b)),
      // A letter of one operand alone would be a sum before the product.
      Set(a).symmetricDifference(b).isSubset(of: c)
    else { throw unsupported(node, "the equation is not supported") }
    let shared = c.filter { a.contains($0) && b.contains($0) }
    let depth = a.filter { b.contains($0) && !c.contains($0) }
    let (rows, columns) = (c.filter { !b.contains($0) }, c.filter { !a.contains($0) })
    func view(_ view: MapView, _ letters: [UInt8], _ groups: [[UInt8]]) -> MapView {
      var result = view
      result.axes =
        shared.map { view.axes[letters.firstIndex(of: $0)!] }
        + groups.map { $0.flatMap { view.axes[letters.firstIndex(of: $0)!] } }.map(MapView.joined)
      return result
    }
    let product = try product(
      view(left, a, [rows, depth]), view(right, b, [depth, columns]), for: node)
    func extent(_ letter: UInt8) -> Int {
      a.firstIndex(of: letter).map { left.shape[$0] } ?? right.shape[b.firstIndex(of: letter)!]
    }
    let order = shared + rows + columns
    guard let split = product.reshaped(order.map(extent)) else {
      throw unsupported(node, "the result's axes cannot be told apart")
    }
    return split.permuted(c.map { order.firstIndex(of: $0)! })
  }

  // MARK: Softmax

  /// A final softmax is dropped: everything downstream needs logits. A softmax over groups of channels of a pixel, or over
  /// the last axis, is attention.
  private mutating func softmax(_ node: ONNXNode) throws -> [ImportedValue] {
    let value = try required(node, 0)
    let own = shape(of: value)
    // Before version 13 the axes from the given one on were one.
    let index = try axis(node, node.int("axis") ?? (model.opset < 13 ? 1 : -1), rank: own.count)
    guard model.opset >= 13 || own.dropFirst(index + 1).allSatisfy({ $0 == 1 }) else {
      throw unsupported(
        node, "of several axes is not supported; export with opset_version=\(ONNXModel.advisedOpset)")
    }
    let isLogarithm = node.type == "LogSoftmax"
    if let numbers = try constant(value) {
      return [.numbers(numbers.softmax(axis: index, isLogarithm: isLogarithm))]
    }
    let view = try map(node)
    if view.isPixel {
      if view.axes[index] == view.channels, model.outputs.first == node.outputs.first {
        return [.probabilities(view)]
      }
      if !isLogarithm, view.axes[index].count == 1, let part = view.axes[index].first,
        part.dimension == .channel, part.stride * part.extent == view.size.channels
      {
        return [.map(try append(node.name, .softmax(groups: part.extent), like: view))]
      }
    }
    let order = view.axes.indices.filter { $0 != index } + [index]
    let input = try rowwise(view.permuted(order), for: node)
    let result = try append(node.name, .softmaxOfChannels(isLogarithm: isLogarithm), like: input)
    return [.map(result.permuted(view.axes.indices.map { order.firstIndex(of: $0)! }))]
  }

  /// The class of the largest logit, or those of the largest, are left out: what reads the network needs its logits.
  private mutating func ranking(_ node: ONNXNode) throws -> [ImportedValue] {
    guard node.outputs.contains(model.outputs.first ?? ""), !node.outputs.isEmpty else {
      throw unsupported(node, "is supported after the logits only")
    }
    let view: MapView
    switch try required(node, 0) {
    case .map(let found), .probabilities(let found): view = found
    default: throw unsupported(node, "operand 0 is expected to depend on the image")
    }
    var logits = view
    switch nodes[view.node].operation {
    case .softmaxOfChannels, .softmax(groups: view.size.channels):
      logits = at(nodes[view.node].inputs[0], view)
    default: break
    }
    return node.outputs.map { _ in .probabilities(logits) }
  }

  // MARK: Attention

  /// A product of queries and keys before the softmax: scale * Q K^T + biases.
  private struct Scores {
    let product: StridedProduct
    var queries: Int
    var keys: Int
    var scale: Float
    var biases: [Int]
  }

  private func scores(_ softmax: Int) -> Scores? {
    guard case .softmaxOfChannels(isLogarithm: false) = nodes[softmax].operation else { return nil }
    var index = nodes[softmax].inputs[0]
    var (scale, biases) = (Float(1), [Int]())
    // No exporter writes more than a few steps between product and softmax.
    for _ in 0..<8 {
      switch nodes[index].operation {
      case .add where scale == 1:
        let inputs = nodes[index].inputs
        guard let next = inputs.first(where: leadsToProduct), inputs[0] != inputs[1] else { return nil }
        biases += inputs.filter { $0 != next }
        index = next
      case .affine:
        guard let (source, factor) = scaled(index) else { return nil }
        scale *= factor
        index = source
      case .product(let product):
        var (queries, keys) = (nodes[index].inputs[0], nodes[index].inputs[1])
        if let (source, factor) = scaled(queries) { (queries, scale) = (source, scale * factor) }
        if let (source, factor) = scaled(keys) { (keys, scale) = (source, scale * factor) }
        return Scores(product: product, queries: queries, keys: keys, scale: scale, biases: biases)
      default: return nil
      }
    }
    return nil
  }

  private func leadsToProduct(_ node: Int) -> Bool {
    var index = node
    for _ in 0..<8 {
      switch nodes[index].operation {
      case .product: return true
      case .add, .affine:
        guard let next = nodes[index].inputs.first else { return false }
        index = next
      default: return false
      }
    }
    return false
  }

  /// Softmax(scale Q K^T + bias) V as one operation, which never holds all scores; nil where the second factor of a
  /// product is something else, or lies otherwise.
  private mutating func attention(_ weights: MapView, _ values: MapView, for node: ONNXNode) throws
    -> MapView?
  {
    let rank = weights.rank
    guard let scores = scores(weights.node), weights.endsInChannels, weights.size.width == 1,
      weights.axes.dropLast().flatMap({ $0 }).filter({ $0.dimension != .image })
        .reduce(into: [MapView.Part](), { $0 = MapView.joined($0 + [$1]) }) == weights.rows
    else { return nil }
    let product = scores.product
    guard Self.inner(weights.axes[rank - 2]) == product.rows.extent, product.depth[0].isContiguous,
      product.depth[1].isContiguous
    else { return nil }
    var values = values
    if values.steps(values.axes[rank - 2]).count > 1 || values.steps(values.axes[rank - 1]).count > 1
      || !Self.step(values, rank - 1).isContiguous
    {
      let sorted = try matrix(values, for: node)
      values = Self.step(sorted, rank - 1).isContiguous ? sorted : try dense(values, for: node)
    }
    let (depth, width) = (product.depth[0].extent, values.shape[rank - 1])
    // Windows and heads of queries and keys in the order of the values' axes.
    let own = (0..<2).map { operand in product.shared.map { $0.steps[operand] } }
    let valueSteps = (0..<rank - 2).flatMap { axis -> [StridedAxis] in
      let extent = Self.inner(weights.axes[axis])
      return Self.inner(values.axes[axis]) == extent
        ? values.steps(values.axes[axis]) : [StridedAxis(extent: extent, pixels: 0, channels: 0)]
    }
    guard
      (0..<rank - 2).allSatisfy({ axis in
        [1, Self.inner(weights.axes[axis])].contains(Self.inner(values.axes[axis]))
      }), let refined = StridedAxis.refined(own + [valueSteps])
    else { return nil }
    let source = product.sources[0]
    // The result lies as the queries do, so that joining the heads costs nothing.
    let keepsLayout =
      refined[0].allSatisfy { $0.pixels != 0 || ($0.channels > 0 && $0.channels.isMultiple(of: depth)) }
      && product.rows.channels == 0 && (product.rows.pixels != 0 || product.rows.extent == 1)
      && refined[0].reduce(product.rows.extent * depth) { $0 * $1.extent } == source.count
    var size = MapSize(height: source.height, width: source.width, channels: source.channels / depth * width)
    var results = refined[0].map {
      StridedAxis(extent: $0.extent, pixels: $0.pixels, channels: $0.channels / depth * width)
    }
    var rows = product.rows
    if !keepsLayout {
      let blocks = refined[0].reduce(1) { $0 * $1.extent }
      size = MapSize(height: blocks * rows.extent, width: 1, channels: width)
      var stride = rows.extent
      results = refined[0].reversed().map { axis in
        defer { stride *= axis.extent }
        return StridedAxis(extent: axis.extent, pixels: stride, channels: 0)
      }.reversed()
      rows = StridedAxis(extent: rows.extent, pixels: 1, channels: 0)
    }
    let shared = refined[0].indices.map { index in
      SharedAxis(
        extent: refined[0][index].extent, steps: refined.map { $0[index] } + [results[index]])
    }
    var inputs = [
      MapView(node: scores.queries, size: product.sources[0], isPixel: false, batch: weights.batch),
      MapView(node: scores.keys, size: product.sources[1], isPixel: false, batch: weights.batch), values,
    ]
    let name = nodes[weights.node].name
    var result: MapView
    if let attention = Self.plainAttention(scores, shared, values, rank: rank) {
      result = try append(name, .crossAttention(attention), inputs, channels: size.channels)
    } else {
      if var bias = scores.biases.first.map({ at($0, weights) }) {
        for other in scores.biases.dropFirst() { bias = try pair(node, .add, bias, at(other, weights)) }
        inputs.append(bias)
      }
      let attention = StridedAttention(
        sources: inputs.map(\.size), height: size.height, width: size.width, shared: shared,
        queries: product.rows, keys: product.columns, values: Self.step(values, rank - 2), results: rows,
        depth: depth, valueDepth: width, scale: scores.scale, hasBias: !scores.biases.isEmpty)
      result = try append(name, .stridedAttention(attention), inputs, channels: size.channels)
    }
    result.isPixel = result.size.pixels == 1
    // Every axis of windows and heads is a run of the refined ones.
    var axes: [[MapView.Part]] = []
    var rest = results[...]
    let images = try zip(axisSteps(weights), axisSteps(values)).map {
      $0.images.isEmpty ? $1.images : $0.images
    }
    for axis in 0..<rank - 2 {
      var (steps, extent) = ([StridedAxis](), 1)
      while extent < Self.inner(weights.axes[axis]), let next = rest.popFirst() {
        steps.append(next)
        extent *= next.extent
      }
      guard let parts = result.parts(StridedAxis.merged(steps)) else { return nil }
      axes.append(images[axis] + parts)
    }
    guard let tokens = result.parts([rows]),
      let channels = result.parts([
        StridedAxis(extent: width, pixels: 0, channels: 1)
      ])
    else { return nil }
    result.axes = axes + [images[rank - 2] + tokens, channels]
    return result
  }

  /// Attention of all tokens of a map to all of another, head by head, for maps of any size; nil for other forms.
  private static func plainAttention(
    _ scores: Scores, _ shared: [SharedAxis], _ values: MapView, rank: Int
  ) -> CrossAttention? {
    let product = scores.product
    let (depth, width) = (product.depth[0].extent, values.shape[rank - 1])
    let heads = shared.first?.extent ?? 1
    func isAll(_ axis: StridedAxis, _ size: MapSize) -> Bool {
      axis.extent == size.pixels && axis.channels == 0 && (axis.pixels == 1 || axis.extent == 1)
    }
    guard shared.count <= 1, scores.biases.isEmpty, isAll(product.rows, product.sources[0]),
      isAll(product.columns, product.sources[1]), isAll(step(values, rank - 2), values.size),
      product.sources[0].channels == heads * depth, product.sources[1].channels == heads * depth,
      values.size.channels == heads * width
    else { return nil }
    for (index, channels) in [depth, depth, width].enumerated() {
      guard let step = shared.first?.steps[index] else { continue }
      guard step.pixels == 0, step.channels == channels else { return nil }
    }
    return CrossAttention(heads: heads, scale: scores.scale)
  }
}
