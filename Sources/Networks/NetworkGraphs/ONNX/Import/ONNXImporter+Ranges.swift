/// Splitting and joining of values.
extension ONNXImporter {
  static let rangeRules: [String: Rule] = [
    "Concat": { try $0.concatenate($1) }, "Split": { try $0.split($1) }, "Slice": { try $0.slice($1) },
    "Gather": { try $0.gather($1) },
    "SplitToSequence": { importer, node in [.sequence(try importer.splitToSequence(node))] },
    "SequenceAt": { importer, node in
      guard case .sequence(let views) = try importer.required(node, 0),
        let index = try importer.numbers(node, 1)?.ints?.first,
        (-views.count..<views.count).contains(index)
      else { throw importer.unsupported(node, "expected a part of a split map") }
      return [.map(views[index < 0 ? index + views.count : index])]
    },
  ]

  private mutating func concatenate(_ node: ONNXNode) throws -> [ImportedValue] {
    let operands = try node.inputs.indices.map { try required(node, $0) }
    guard let first = operands.first else { throw unsupported(node, "has no operands") }
    let index = try axis(node, node.int("axis") ?? 1, rank: max(1, shape(of: first).count))
    if case .map(let view) = first, index > 0, index < view.rank {
      return [.map(try concatenate(try node.inputs.indices.map { try map(node, $0) }, index - 1, node))]
    }
    let parts = try node.inputs.indices.map { try numbers(node, $0) ?? Numbers(ints: []) }
    guard index == 0, parts.allSatisfy({ $0.shape.count == 1 }) else {
      throw unsupported(node, "of constants those of one dimension are joined")
    }
    let total = parts.reduce(0) { $0 + $1.count }
    guard total <= Numbers.largestCount else {
      throw unsupported(node, "a constant of \(total) numbers is too large to compute")
    }
    if parts.allSatisfy({ $0.ints != nil }) {
      return [.numbers(Numbers(ints: parts.flatMap { $0.ints ?? [] }))]
    }
    return [.numbers(Numbers(reals: parts.flatMap(\.reals)))]
  }

  private mutating func concatenate(_ views: [MapView], _ index: Int, _ node: ONNXNode) throws -> MapView {
    guard views.count <= 4096 else { throw unsupported(node, "\(views.count) operands are too many") }
    let first = views[0]
    guard
      views.allSatisfy({ view in
        view.rank == first.rank
          && view.shape.indices.allSatisfy { $0 == index + 1 || view.shape[$0] == first.shape[$0] }
      })
    else { throw unsupported(node, "operands of shapes \(views.map(\.shape)) do not fit") }
    // Maps stacked along a new axis, before their channels or after them, form channels, too.
    let isStack =
      first.axes.count == 4
      && views.allSatisfy { view in
        var axes = view.axes
        guard axes[index].isEmpty else { return false }
        axes.remove(at: index)
        return axes == [view.channels, view.rows, view.columns]
          && view.size.channels == first.size.channels
      }
    let isRow = views.allSatisfy { view in
      view.isPixel && view.axes[index] == view.channels
        && view.axes.enumerated().allSatisfy { $0.offset == index || $0.element.isEmpty }
    }
    guard isStack || isRow || index == 0 else {
      throw unsupported(node, "expected the axis of the channels")
    }
    let sources = isStack || isRow ? views : try views.map { try plain($0, for: node) }
    let total = sources.reduce(0) { $0 + $1.size.channels }
    var result = try append(node.name, .concatenate, sources, channels: total)
    if isStack {
      let (count, channels) = (views.count, first.size.channels)
      result.axes = [MapView.whole(.channel, channels), result.rows, result.columns]
      result.axes.insert(
        [MapView.Part(dimension: .channel, stride: channels, extent: count)].filter { $0.extent > 1 },
        at: index)
    } else if isRow {
      result.axes = first.axes
      result.axes[index] = result.channels
    }
    return result
  }

  /// A range of channels of a map, or of its rows and columns if it extends to their end.
  private mutating func range(_ view: MapView, _ index: Int, _ range: Range<Int>, _ node: ONNXNode) throws
    -> MapView
  {
    if range == 0..<view.shape[index + 1] { return view }
    guard !range.isEmpty else { throw unsupported(node, "nothing is left of \(view.shape)") }
    let isWhole = view.axes[index] == view.channels && !view.channels.isEmpty
    if isWhole {
      var result = try append(
        node.name, .slice(range), [view], channels: range.count, isPixel: view.isPixel)
      result.axes = view.axes
      result.axes[index] = result.channels
      return result
    }
    // The outermost of groups of channels.
    if view.axes[index].count == 1, let part = view.axes[index].first, part.dimension == .channel,
      part.stride * part.extent == view.size.channels
    {
      var result = try append(
        node.name, .slice(range.lowerBound * part.stride..<range.upperBound * part.stride), [view],
        channels: range.count * part.stride, isPixel: view.isPixel)
      result.axes = view.axes
      result.axes[index] =
        range.count == 1
        ? [] : [MapView.Part(dimension: .channel, stride: part.stride, extent: range.count)]
      return result
    }
    // Permuted channels are brought into order first.
    if index == 0, !view.isPlain, view.axes.count == 3 {
      return try self.range(try plain(view, for: node), 0, range, node)
    }
    throw unsupported(node, "expected a range of channels of \(view.shape)")
  }

  private mutating func split(_ node: ONNXNode) throws -> [ImportedValue] {
    let view = try map(node)
    let index = try axis(node, node.int("axis") ?? 0, rank: view.rank) - 1
    guard index >= 0 else { throw unsupported(node, "the images cannot be split") }
    let extent = view.shape[index + 1]
    let count = max(1, node.outputs.count)
    let step = (extent + count - 1) / count
    let sizes =
      try integers(node, attribute: "split", operand: 1)
      ?? (0..<count).map { min(step, extent - $0 * step) }
    guard sizes.allSatisfy({ $0 > 0 && $0 <= extent }), sizes.count == node.outputs.count,
      sizes.reduce(0, &+) == extent
    else { throw unsupported(node, "the sizes \(sizes) do not fit \(extent)") }
    var start = 0
    return try sizes.map { size in
      defer { start += size }
      return .map(try range(view, index, start..<start + size, node))
    }
  }

  /// A split into parts of given sizes, or of equal size except the last.
  private mutating func splitToSequence(_ node: ONNXNode) throws -> [MapView] {
    let view = try map(node)
    let index = try axis(node, node.int("axis") ?? 0, rank: view.rank) - 1
    guard index >= 0, let split = try numbers(node, 1), let sizes = split.ints, !sizes.isEmpty,
      sizes.allSatisfy({ $0 > 0 })
    else { throw unsupported(node, "expected sizes of parts of the channels") }
    let extent = view.shape[index + 1]
    var parts: [MapView] = []
    var start = 0
    while start < extent {
      let size = split.shape.isEmpty ? sizes[0] : parts.count < sizes.count ? sizes[parts.count] : extent
      guard split.shape.isEmpty || (size <= extent - start) else { break }
      let end = min(extent, start + min(size, extent))
      parts.append(try range(view, index, start..<end, node))
      start = end
    }
    guard start == extent, split.shape.isEmpty || parts.count == sizes.count else {
      throw unsupported(node, "the sizes \(sizes) do not fit \(extent)")
    }
    if node.int("keepdims") ?? 1 == 0 {
      throw unsupported(node, "expected the axis of the parts to stay")
    }
    return parts
  }

  private mutating func slice(_ node: ONNXNode) throws -> [ImportedValue] {
    let value = try required(node, 0)
    let own = shape(of: value)
    guard let starts = try integers(node, attribute: "starts", operand: 1),
      let ends = try integers(node, attribute: "ends", operand: 2), starts.count == ends.count
    else { throw unsupported(node, "starts and ends do not fit") }
    let axes = try integers(node, attribute: "axes", operand: 3) ?? Array(starts.indices)
    let steps = try integers(node, attribute: "", operand: 4) ?? starts.map { _ in 1 }
    guard axes.count == starts.count, steps.count == starts.count else {
      throw unsupported(node, "starts, axes and steps do not fit")
    }
    var result = value
    for (position, given) in axes.enumerated() {
      let index = try axis(node, given, rank: own.count)
      let extent = shape(of: result)[index]
      if case .numbers(let numbers) = result {
        let picked = try Self.indices(starts[position], ends[position], steps[position], extent)
        result = .numbers(numbers.picking(picked, axis: index))
        continue
      }
      func clamp(_ value: Int) -> Int {
        let shifted = value < 0 ? value.addingReportingOverflow(extent).partialValue : value
        return min(max(shifted, 0), extent)
      }
      let (from, to) = (clamp(starts[position]), clamp(ends[position]))
      if steps[position] > 1, case .map(let view) = result, index >= 2 {
        result = .map(
          try stepping(view, axis: index, start: from, end: ends[position], step: steps[position], node))
        continue
      }
      guard from < to, steps[position] == 1 else {
        throw unsupported(node, "expected a range of \(own) in steps of one")
      }
      switch result {
      case .map(let view):
        guard index > 0 else { throw unsupported(node, "the images cannot be cut") }
        if view.isPlain && index >= 2 {
          result = .map(try cut(view, index, from, extent - to, given: ends[position], node))
        } else {
          result = .map(try range(view, index - 1, from..<to, node))
        }
      default: throw unsupported(node, "of a tensor of the file is not supported")
      }
    }
    return [result]
  }

  /// The positions selected by a slice; a negative step runs backwards, as in Python.
  private static func indices(_ start: Int, _ end: Int, _ step: Int, _ extent: Int) throws -> [Int] {
    guard step != 0, step.magnitude <= Int.max.magnitude / 2, extent > 0 else { return [] }
    func place(_ value: Int, _ low: Int, _ high: Int) -> Int {
      min(max(value < 0 ? value.addingReportingOverflow(extent).partialValue : value, low), high)
    }
    return step > 0
      ? Array(stride(from: place(start, 0, extent), to: place(end, 0, extent), by: step))
      : Array(
        stride(from: place(start, 0, extent - 1), to: place(max(end, -extent - 1), -1, extent - 1), by: step))
  }

  private mutating func cut(
    _ view: MapView, _ index: Int, _ before: Int, _ after: Int, given end: Int, _ node: ONNXNode
  ) throws -> MapView {
    if before == 0 && after == 0 { return view }
    guard after == 0 || end < 0 else {
      throw unsupported(node, "an end of rows or columns is expected to be counted from the last")
    }
    let margins =
      index == 2 ? Margins(top: -before, bottom: -after) : Margins(left: -before, right: -after)
    return try append(node.name, .pad(margins), [view], channels: view.size.channels, isPixel: false)
  }

  private mutating func gather(_ node: ONNXNode) throws -> [ImportedValue] {
    let value = try required(node, 0)
    let own = shape(of: value)
    let index = try axis(node, node.int("axis") ?? 0, rank: own.count)
    guard let chosen = try numbers(node, 1), let positions = chosen.ints,
      positions.allSatisfy({ (-own[index]..<own[index]).contains($0) })
    else { throw unsupported(node, "the indices do not fit \(own)") }
    let wrapped = positions.map { $0 < 0 ? $0 + own[index] : $0 }
    switch value {
    case .numbers(let numbers):
      var target = own
      target[index] = wrapped.count
      guard let count = Numbers.checkedCount(target), count <= Numbers.largestCount else {
        throw unsupported(node, "\(wrapped.count) parts of \(own) are too large to compute")
      }
      var picked = numbers.picking(wrapped, axis: index)
      picked.shape.replaceSubrange(index...index, with: chosen.shape)
      return [.numbers(picked)]
    case .map(let view) where index > 0 && chosen.shape.count <= 1:
      if chosen.shape.isEmpty {
        var result = try range(view, index - 1, wrapped[0]..<wrapped[0] + 1, node)
        result.axes.remove(at: index - 1)
        return [.map(result)]
      }
      guard view.axes[index - 1] == view.channels, !wrapped.isEmpty, wrapped.count <= 1 << 16 else {
        throw unsupported(node, "expected channels of \(own)")
      }
      var result = try append(
        node.name, .reorder(wrapped), [view], channels: wrapped.count, isPixel: view.isPixel)
      result.axes = view.axes
      result.axes[index - 1] = result.channels
      return [.map(result)]
    default: throw unsupported(node, "of an operand of shape \(own) is not supported")
    }
  }
}
