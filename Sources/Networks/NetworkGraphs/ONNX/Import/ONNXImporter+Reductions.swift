import Platform

/// Means, sums, maxima and norms over axes.
extension ONNXImporter {
  static let reductionRules: [String: Rule] = [
    "ReduceMean": { try $0.reduce($1, .mean) }, "ReduceSum": { try $0.reduce($1, .sum) },
    "ReduceMax": { try $0.reduce($1, .maximum) }, "ReduceMin": { try $0.reduce($1, .minimum) },
    "ReduceL1": { try $0.reduce($1, .absoluteSum) }, "ReduceL2": { try $0.reduce($1, .euclideanNorm) },
    "ReduceSumSquare": { importer, node in
      let view = try importer.liftedMap(node)
      let square = try importer.pair(node, .multiply, view, view)
      return [.map(try importer.reduce(square, node, .sum))]
    },
    "ReduceProd": { importer, node in
      guard let numbers = try importer.numbers(node, 0) else {
        throw importer.unsupported(node, "expected numbers")
      }
      return [.numbers(try importer.reduced(numbers, node, nil))]
    },
  ]

  private mutating func reduce(_ node: ONNXNode, _ reduction: ChannelReduction) throws -> [ImportedValue] {
    if let numbers = try constant(try required(node, 0)) {
      return [.numbers(try reduced(numbers, node, reduction))]
    }
    return [.map(try reduce(try map(node), node, reduction))]
  }

  /// The axes to reduce, from an attribute or, in newer operators, an operand; all of them if none is named.
  private func axes(_ node: ONNXNode, rank: Int) throws -> Set<Int> {
    let given = try integers(node, attribute: "axes", operand: 1) ?? []
    if given.isEmpty { return node.int("noop_with_empty_axes") ?? 0 != 0 ? [] : Set(0..<rank) }
    return Set(try given.map { try axis(node, $0, rank: rank) })
  }

  // MARK: Constants

  /// - Parameter reduction: Nil is the product.
  private func reduced(_ numbers: Numbers, _ node: ONNXNode, _ reduction: ChannelReduction?) throws -> Numbers
  {
    let axes = try axes(node, rank: numbers.shape.count)
    var result: Numbers
    if let ints = numbers.ints, axes.count == numbers.shape.count, reduction == nil || reduction == .sum {
      let total = reduction == nil ? ints.checkedProduct : ints.checkedSum
      guard let total else { throw unsupported(node, "the arithmetic of shapes overflows") }
      result = Numbers(ints: [total], shape: numbers.shape.map { _ in 1 })
    } else {
      guard numbers.count > 0 else { throw unsupported(node, "nothing is left to reduce") }
      result = numbers.reduced(over: axes) { values in
        switch reduction {
        case nil: values.reduce(1, *)
        case .sum: values.reduce(0, +)
        case .mean: values.reduce(0, +) / Double(values.count)
        case .maximum: values.max() ?? 0
        case .minimum: values.min() ?? 0
        case .absoluteSum: values.reduce(0) { $0 + abs($1) }
        case .euclideanNorm: values.reduce(0) { $0 + $1 * $1 }.squareRoot()
        }
      }
      if numbers.ints != nil, reduction != .mean {
        result = Numbers(
          ints: try result.reals.map { value in
            guard let int = Int(exactly: value) else {
              throw unsupported(node, "the arithmetic of shapes overflows")
            }
            return int
          }, shape: result.shape)
      }
    }
    if node.int("keepdims") ?? 1 == 0 {
      result.shape = result.shape.indices.filter { !axes.contains($0) }.map { result.shape[$0] }
    }
    return result
  }

  // MARK: Maps

  private mutating func reduce(_ view: MapView, _ node: ONNXNode, _ reduction: ChannelReduction) throws
    -> MapView
  {
    let axes = try axes(node, rank: view.rank)
    guard axes.allSatisfy({ axis in view.axes[axis].allSatisfy { $0.dimension != .image } }) else {
      throw unsupported(node, "the images cannot be reduced")
    }
    var result = try reduced(view, axes, node, reduction)
    let keeps = node.int("keepdims") ?? 1 != 0
    let kept = view.axes.indices.filter { !axes.contains($0) }
    let found = Dictionary(uniqueKeysWithValues: zip(kept, result.axes))
    result.axes = view.axes.indices.compactMap { axis in found[axis] ?? (keeps ? [] : nil) }
    return result
  }

  /// The reduced map under the axes that stay.
  private mutating func reduced(
    _ view: MapView, _ axes: Set<Int>, _ node: ONNXNode, _ reduction: ChannelReduction
  ) throws -> MapView {
    let parts = view.axes.indices.filter(axes.contains).flatMap { view.axes[$0] }
    let kept = view.axes.indices.filter { !axes.contains($0) }
    if parts.isEmpty {
      // One element is its own mean, sum, maximum and minimum, but not its norm.
      var same = view
      if [.absoluteSum, .euclideanNorm].contains(reduction) {
        same = try append(node.name, .function(.absolute), like: view)
      }
      same.axes = kept.map { view.axes[$0] }
      return same
    }
    // Over all pixels, at any size of the input.
    let isAllPixels =
      parts.allSatisfy { $0.dimension != .channel }
      && parts.reduce(1) { $0 * $1.extent } == view.size.pixels
    if isAllPixels, [.mean, .maximum].contains(reduction) {
      var result = try append(
        node.name, reduction == .mean ? .globalAverage : .globalMax, [view], channels: view.size.channels,
        isPixel: true)
      result.axes = kept.map { view.axes[$0] }
      return result
    }
    // The outermost groups of the channels.
    if reduction == .sum, parts.count == 1, let part = parts.first, part.dimension == .channel,
      part.stride * part.extent == view.size.channels, part.stride > 1
    {
      var result = try append(
        node.name, .sumOfGroups(part.extent), [view], channels: part.stride, isPixel: view.isPixel)
      result.axes = kept.map { view.axes[$0] }
      return result
    }
    var rows = view
    rows.axes = kept.map { view.axes[$0] } + [MapView.joined(parts)]
    let input = try rowwise(rows, for: node)
    var result = try append(
      node.name, .reduceChannels(reduction), [input], channels: 1, isPixel: input.isPixel)
    result.axes = Array(input.axes.dropLast())
    return result
  }
}
