/// Splitting and joining of values.
extension ONNXImporter {
  static let rangeRules: [String: Rule] = [
    "Concat": { try $0.concatenate($1) }, "Split": { try $0.split($1) }, "Slice": { try $0.slice($1) },
    "Tile": { try $0.tile($1) },
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
    guard operands.count <= 4096 else { throw unsupported(node, "\(operands.count) operands are too many") }
    let parts = try operands.compactMap { try constant($0) }
    guard parts.count == operands.count else {
      return [.map(try concatenate(try operands.map { try lifted($0, for: node) }, index, node))]
    }
    // Empty lists of numbers join lists of integers without making them real.
    let filled = parts.filter { $0.count > 0 }
    guard let result = Numbers.joined(filled.isEmpty ? parts : filled, axis: index) else {
      throw unsupported(node, "constants of shapes \(parts.map(\.shape)) do not fit or are too large")
    }
    return [.numbers(result)]
  }

  private mutating func concatenate(_ views: [MapView], _ index: Int, _ node: ONNXNode) throws -> MapView {
    let first = views[0]
    guard
      views.allSatisfy({ view in
        view.rank == first.rank
          && view.shape.indices.allSatisfy { $0 == index || view.shape[$0] == first.shape[$0] }
      })
    else { throw unsupported(node, "operands of shapes \(views.map(\.shape)) do not fit") }
    if views.count == 1 { return first }
    // Maps stacked along a new axis, before their channels or after them, form channels, too.
    let isStack =
      first.rank == 5 && index > 0
      && views.allSatisfy { view in
        var axes = view.axes
        return axes.remove(at: index).isEmpty
          && axes == [view.images, view.channels, view.rows, view.columns]
      }
    let others = first.axes.indices.filter { $0 != index }
    let hasChannels = views.allSatisfy { view in
      view.axes[index] == view.channels && view.size.height == first.size.height
        && view.size.width == first.size.width
        && others.allSatisfy { view.axes[$0] == first.axes[$0] }
    }
    let areMaps = index == 1 && views.allSatisfy { $0.rank == 4 && $0.axes[0] == $0.images }
    guard isStack || hasChannels || areMaps else { return try joined(views, index, node) }
    let sources = isStack || hasChannels ? views : try views.map { try plain($0, for: node) }
    let total = sources.reduce(0) { $0 + $1.size.channels }
    var result = try append(node.name, .concatenate, sources, channels: total)
    if isStack {
      let (count, channels) = (views.count, first.size.channels)
      result.axes = [result.images, MapView.whole(.channel, channels), result.rows, result.columns]
      result.axes.insert(
        [MapView.Part(dimension: .channel, stride: channels, extent: count)].filter { $0.extent > 1 },
        at: index)
    } else if hasChannels {
      result.axes = first.axes
      result.axes[index] = result.channels
    }
    return result
  }

  /// Rows one after the other, of values whose joined axis is outermost.
  mutating func joined(_ views: [MapView], _ index: Int, _ node: ONNXNode) throws -> MapView {
    let rank = views[0].rank
    let order = [index] + (0..<rank).filter { $0 != index }
    var sources: [MapView] = []
    for view in views {
      var view = view.permuted(order)
      // A value of one axis has a row for each number.
      if rank == 1 { view.axes.append([]) }
      sources.append(try dense(view, for: node))
    }
    let axes = try sources.map { try axisSteps($0) }
    guard sources.allSatisfy({ $0.size.channels == sources[0].size.channels }),
      let total = axes.map({ $0[0].extent }).checkedSum, axes.allSatisfy({ $0[0].images.isEmpty })
    else { throw unsupported(node, "operands of shapes \(views.map(\.shape)) do not fit") }
    var result = try append(node.name, .joinTokens, sources, channels: sources[0].size.channels)
    result.isPixel = result.size.pixels == 1
    var extents = axes[0].indices.map { position in
      (
        images: axes.map { $0[position].images }.first { !$0.isEmpty } ?? [],
        extent: axes[0][position].extent
      )
    }
    extents[0].extent = total
    result.axes = Self.rowMajor(extents)
    if rank == 1 { result.axes.removeLast() }
    return result.permuted((0..<rank).map { order.firstIndex(of: $0)! })
  }

  /// A value repeated along its axes.
  private mutating func tile(_ node: ONNXNode) throws -> [ImportedValue] {
    let value = try required(node, 0)
    let own = shape(of: value)
    guard let repeats = try numbers(node, 1)?.ints, repeats.count == own.count,
      repeats.allSatisfy({ $0 > 0 })
    else { throw unsupported(node, "the repetitions do not fit \(own)") }
    let target = zip(own, repeats).compactMap { $0.multiplied(exactlyBy: $1) }
    guard target.count == own.count else { throw unsupported(node, "the repetitions of \(own) are too many") }
    if target == own { return [value] }
    let wide = zip(own, repeats).flatMap { [$1, $0] }
    if var numbers = try constant(value) {
      numbers.shape = own.flatMap { [1, $0] }
      guard var tiled = numbers.broadcast(to: wide) else {
        throw unsupported(node, "a constant of shape \(target) is too large to compute")
      }
      tiled.shape = target
      return [.numbers(tiled)]
    }
    var view = try map(node)
    view.axes = view.axes.flatMap { [[], $0] }
    let repeated = try expanded(view, to: wide, for: node)
    guard let result = repeated.reshaped(target) else {
      throw unsupported(node, "the shape \(own) does not become \(target)")
    }
    return [.map(result)]
  }

  /// A range of an axis: of channels or tokens, or of anything by copying it.
  ///
  /// - Parameter isOpen: True if the range goes to the end whatever the input's size.
  mutating func range(
    _ view: MapView, _ index: Int, _ range: Range<Int>, isOpen: Bool = false, _ node: ONNXNode
  ) throws -> MapView {
    if range == 0..<view.shape[index] { return view }
    guard !range.isEmpty else { throw unsupported(node, "nothing is left of \(view.shape)") }
    let parts = view.axes[index]
    // All channels, or the outermost of groups of them.
    if parts.count == 1, let part = parts.first, part.dimension == .channel,
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
    // Tokens, all of which are rows. Numbers of a file for one size may have been computed from it, except the first's; those
    // of other files are the same at two sizes.
    if view.size.width == 1, parts == view.rows, !isFixed || range == 0..<1 {
      let end = isOpen ? Int.max : range.upperBound
      var result = try append(
        node.name, .tokens(range.lowerBound..<end), [view], channels: view.size.channels)
      result.isPixel = range.count == 1
      result.axes = view.axes
      result.axes[index] = result.rows
      return result
    }
    // Permuted channels are brought into order first.
    if index == 1, !view.isPlain, view.rank == 4, view.axes[0] == view.images, view.axes[2] == view.rows,
      view.axes[3] == view.columns, parts.allSatisfy({ $0.dimension == .channel })
    {
      return try self.range(try plain(view, for: node), 1, range, node)
    }
    return try steps(view, index, from: range.lowerBound, by: 1, count: range.count, node)
  }

  /// Some positions of an axis at equal distances, copied.
  mutating func steps(
    _ view: MapView, _ index: Int, from start: Int, by step: Int, count: Int, _ node: ONNXNode
  ) throws -> MapView {
    var view = view
    var axes = try axisSteps(view)
    guard axes[index].images.isEmpty else { throw unsupported(node, "the images cannot be cut") }
    if axes[index].steps.count > 1 {
      view = try dense(view, for: node)
      axes = try axisSteps(view)
    }
    let own = axes[index].steps.first ?? StridedAxis(extent: 1, pixels: 0, channels: 0)
    // The last position lies within the axis, and a step of a single one is not taken.
    let distance = count > 1 ? step : 0
    axes[index].steps = [
      StridedAxis(extent: count, pixels: own.pixels * distance, channels: own.channels * distance)
    ]
    return try arranged(
      view, axes, firstPixel: start * own.pixels, firstChannel: start * own.channels, for: node)
  }

  private mutating func split(_ node: ONNXNode) throws -> [ImportedValue] {
    let value = try required(node, 0)
    let index = try axis(node, node.int("axis") ?? 0, rank: shape(of: value).count)
    let extent = shape(of: value)[index]
    let count = max(1, node.outputs.count)
    let step = (extent + count - 1) / count
    let sizes =
      try integers(node, attribute: "split", operand: 1)
      ?? (0..<count).map { min(step, extent - $0 * step) }
    guard sizes.allSatisfy({ $0 > 0 && $0 <= extent }), sizes.count == node.outputs.count,
      sizes.reduce(0, &+) == extent
    else { throw unsupported(node, "the sizes \(sizes) do not fit \(extent)") }
    let constant = try constant(value)
    var start = 0
    return try sizes.map { size in
      defer { start += size }
      if let constant { return .numbers(constant.picking(Array(start..<start + size), axis: index)) }
      return .map(try range(try map(node), index, start..<start + size, node))
    }
  }

  /// A split into parts of given sizes, or of equal size except the last.
  private mutating func splitToSequence(_ node: ONNXNode) throws -> [MapView] {
    let view = try map(node)
    let index = try axis(node, node.int("axis") ?? 0, rank: view.rank)
    guard let split = try numbers(node, 1), let sizes = split.ints, !sizes.isEmpty,
      sizes.allSatisfy({ $0 > 0 })
    else { throw unsupported(node, "expected sizes of parts of the channels") }
    let extent = view.shape[index]
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
    guard node.int("keepdims") ?? 1 == 0 else { return parts }
    guard parts.allSatisfy({ $0.shape[index] == 1 }) else {
      throw unsupported(node, "expected the axis of the parts to stay")
    }
    return parts.map { part in part.permuted(part.axes.indices.filter { $0 != index }) }
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
      if let numbers = try constant(result) {
        let picked = Self.indices(starts[position], ends[position], steps[position], extent)
        result = .numbers(numbers.picking(picked, axis: index))
        continue
      }
      guard case .map(let view) = result else {
        throw unsupported(node, "of such an operand is not supported")
      }
      func clamp(_ value: Int) -> Int {
        let shifted = value < 0 ? value.addingReportingOverflow(extent).partialValue : value
        return min(max(shifted, 0), extent)
      }
      let (from, to) = (clamp(starts[position]), clamp(ends[position]))
      if steps[position] != 1 {
        if let blocks = try subsampled(
          view, axis: index, start: starts[position], end: ends[position], step: steps[position], node)
        {
          result = .map(blocks)
          continue
        }
        let picked = Self.indices(starts[position], ends[position], steps[position], extent)
        guard let first = picked.first else { throw unsupported(node, "nothing is left of \(own)") }
        let step = picked.count > 1 ? picked[1] - first : 1
        result = .map(try self.steps(view, index, from: first, by: step, count: picked.count, node))
        continue
      }
      guard from < to else { throw unsupported(node, "nothing is left of \(own)") }
      if from == 0 && to == extent { continue }
      guard view.axes[index].allSatisfy({ $0.dimension != .image }) else {
        throw unsupported(node, "the images cannot be cut")
      }
      if view.isPlain && index >= 2 {
        result = .map(try cut(view, index, from, extent - to, given: ends[position], node))
      } else {
        result = .map(try range(view, index, from..<to, isOpen: ends[position] > extent, node))
      }
    }
    return [result]
  }

  /// The positions selected by a slice; a negative step runs backwards, as in Python.
  private static func indices(_ start: Int, _ end: Int, _ step: Int, _ extent: Int) -> [Int] {
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
    // An end counted from the first pixel is that of one size.
    guard after == 0 || end < 0 else {
      let extent = view.shape[index]
      return try steps(view, index, from: before, by: 1, count: extent - after - before, node)
    }
    let margins =
      index == 2 ? Margins(top: -before, bottom: -after) : Margins(left: -before, right: -after)
    return try append(node.name, .pad(margins), [view], channels: view.size.channels, isPixel: false)
  }
}
