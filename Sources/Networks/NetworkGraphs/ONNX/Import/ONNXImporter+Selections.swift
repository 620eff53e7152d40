import Platform

/// Picking and replacing elements by constant numbers.
extension ONNXImporter {
  static let selectionRules: [String: Rule] = [
    "Gather": { try $0.gather($1) },
    "GatherElements": { importer, node in [try importer.gatherElements(node)] },
    "GatherND": { importer, node in [try importer.gatherBlocks(node)] },
    "ScatterND": { importer, node in [try importer.scatterBlocks(node)] },
  ]

  /// Elements that a node may pick.
  private static let largestSelection = 1 << 24

  // MARK: Along an axis

  private mutating func gather(_ node: ONNXNode) throws -> [ImportedValue] {
    let value = try required(node, 0)
    let own = shape(of: value)
    let index = try axis(node, node.int("axis") ?? 0, rank: own.count)
    guard let chosen = try numbers(node, 1), let positions = chosen.ints,
      positions.allSatisfy({ (-own[index]..<own[index]).contains($0) })
    else { throw unsupported(node, "the indices do not fit \(own)") }
    let wrapped = positions.map { $0 < 0 ? $0 + own[index] : $0 }
    var target = own
    target[index] = wrapped.count
    guard let count = Numbers.checkedCount(target), count <= Self.largestSelection else {
      throw unsupported(node, "\(wrapped.count) parts of \(own) are too large to compute")
    }
    if let numbers = try constant(value) {
      var picked = numbers.picking(wrapped, axis: index)
      picked.shape.replaceSubrange(index...index, with: chosen.shape)
      return [.numbers(picked)]
    }
    let view = try map(node)
    guard !wrapped.isEmpty else { throw unsupported(node, "nothing is left of \(own)") }
    if chosen.shape.isEmpty {
      let result = try range(view, index, wrapped[0]..<wrapped[0] + 1, node)
      return [.map(result.permuted(result.axes.indices.filter { $0 != index }))]
    }
    if view.axes[index] == view.channels, chosen.shape.count == 1, own[index] > 1 {
      var result = try append(
        node.name, .reorder(wrapped), [view], channels: wrapped.count, isPixel: view.isPixel)
      result.axes = view.axes
      result.axes[index] = result.channels
      return [.map(result)]
    }
    // The axis as the outermost rows.
    let others = view.axes.indices.filter { $0 != index }
    let picked = try rows(view.permuted([index] + others), wrapped, outer: 1, node)
    // The picked axis in its place, split as the indices are.
    let placed = picked.permuted((0..<view.rank).map { $0 == index ? 0 : $0 < index ? $0 + 1 : $0 })
    var shape = own
    shape.replaceSubrange(index...index, with: chosen.shape)
    return [try reshape(.map(placed), shape, node)]
  }

  /// Blocks of a value, picked along its first `outer` axes, which become one.
  private mutating func rows(
    _ view: MapView, _ indices: [Int], outer: Int, _ node: ONNXNode
  ) throws -> MapView {
    var view = view
    // A row for each position, even where there are no other axes.
    let isBare = view.rank == outer
    if isBare { view.axes.append([]) }
    let source = try dense(view, for: node)
    let axes = try axisSteps(source)
    guard axes[..<outer].allSatisfy({ $0.images.isEmpty }) else {
      throw unsupported(node, "the images cannot be picked")
    }
    let blocks = axes[..<outer].reduce(1) { $0 * $1.extent }
    let block = source.size.height / max(blocks, 1)
    guard indices.allSatisfy((0..<blocks).contains), !indices.isEmpty,
      let height = indices.count.multiplied(exactlyBy: block),
      let count = height.multiplied(exactlyBy: source.size.channels), count <= Self.largestMap
    else { throw unsupported(node, "\(indices.count) parts of \(view.shape) are too large or do not fit") }
    var result = try append(
      node.name, .takeRows(RowSelection(source: source.size, indices: indices, block: block)), [source],
      channels: source.size.channels)
    result.isPixel = result.size.pixels == 1
    result.axes = Self.rowMajor(
      [(images: [], extent: indices.count)] + axes[outer...].map { (images: $0.images, extent: $0.extent) })
    if isBare { result.axes.removeLast() }
    return result
  }

  // MARK: Element by element

  private mutating func gatherElements(_ node: ONNXNode) throws -> ImportedValue {
    let value = try required(node, 0)
    let own = shape(of: value)
    let index = try axis(node, node.int("axis") ?? 0, rank: own.count)
    guard let chosen = try numbers(node, 1), let positions = chosen.ints, chosen.shape.count == own.count,
      positions.count <= Self.largestSelection,
      positions.allSatisfy({ (-own[index]..<own[index]).contains($0) }),
      own.indices.allSatisfy({ $0 == index || chosen.shape[$0] <= own[$0] })
    else { throw unsupported(node, "the indices do not fit \(own)") }
    let strides = Self.strides(own)
    let flat = positions.indices.map { position in
      var (rest, place) = (position, 0)
      for axis in own.indices.reversed() {
        let coordinate = rest % chosen.shape[axis]
        rest /= chosen.shape[axis]
        let wrapped = positions[position] < 0 ? positions[position] + own[axis] : positions[position]
        place += (axis == index ? wrapped : coordinate) * strides[axis]
      }
      return place
    }
    if let numbers = try constant(value) { return .numbers(numbers.picking(flat, shape: chosen.shape)) }
    let view = try map(node)
    return try reshape(.map(try rows(view, flat, outer: view.rank, node)), chosen.shape, node)
  }

  private static func strides(_ shape: [Int]) -> [Int] {
    var strides = Array(repeating: 1, count: shape.count)
    for axis in shape.indices.dropLast().reversed() { strides[axis] = strides[axis + 1] * shape[axis + 1] }
    return strides
  }

  // MARK: Blocks

  /// Positions along the first axes of a value, from indices whose last axis has a number for each of them.
  private func blocks(_ indices: Numbers, of shape: [Int], _ node: ONNXNode) throws -> (
    depth: Int, places: [Int]
  ) {
    guard let values = indices.ints, let depth = indices.shape.last,
      (1...max(shape.count, 1)).contains(depth),
      depth <= shape.count, values.count <= Self.largestSelection
    else { throw unsupported(node, "the indices do not fit \(shape)") }
    let strides = Self.strides(Array(shape[..<depth]))
    let places = try stride(from: 0, to: values.count, by: depth).map { first in
      try (0..<depth).reduce(0) { place, axis in
        let value = values[first + axis]
        guard (-shape[axis]..<shape[axis]).contains(value) else {
          throw unsupported(node, "the indices do not fit \(shape)")
        }
        return place + (value < 0 ? value + shape[axis] : value) * strides[axis]
      }
    }
    return (depth, places)
  }

  private mutating func gatherBlocks(_ node: ONNXNode) throws -> ImportedValue {
    let value = try required(node, 0)
    let own = shape(of: value)
    guard node.int("batch_dims") ?? 0 == 0, let indices = try numbers(node, 1), !own.contains(0) else {
      throw unsupported(node, "batch_dims are not supported")
    }
    let (depth, places) = try blocks(indices, of: own, node)
    let target = indices.shape.dropLast() + own[depth...]
    if var numbers = try constant(value) {
      numbers.shape = [own[..<depth].reduce(1, *)] + own[depth...]
      guard let count = Numbers.checkedCount(Array(target)), count <= Self.largestSelection else {
        throw unsupported(node, "\(places.count) parts of \(own) are too large to compute")
      }
      var picked = numbers.picking(places, axis: 0)
      picked.shape = Array(target)
      return .numbers(picked)
    }
    return try reshape(.map(try rows(try map(node), places, outer: depth, node)), Array(target), node)
  }

  /// A value with some blocks replaced.
  private mutating func scatterBlocks(_ node: ONNXNode) throws -> ImportedValue {
    let value = try required(node, 0)
    let own = shape(of: value)
    guard (node.text("reduction") ?? "none") == "none", let indices = try numbers(node, 1), !own.contains(0)
    else {
      throw unsupported(node, "a reduction is not supported")
    }
    let (depth, places) = try blocks(indices, of: own, node)
    let updates = try required(node, 2)
    let rest = Array(own[depth...])
    guard shape(of: updates) == Array(indices.shape.dropLast()) + rest else {
      throw unsupported(node, "updates of shape \(shape(of: updates)) do not fit")
    }
    let count = own[..<depth].reduce(1, *)
    // The last of several updates of a block counts.
    var sources = Array(0..<count)
    for (position, place) in places.enumerated() { sources[place] = count + position }
    if var numbers = try constant(value), var others = try constant(updates) {
      numbers.shape = [count] + rest
      others.shape = [places.count] + rest
      guard var joined = Numbers.joined([numbers, others], axis: 0)?.picking(sources, axis: 0) else {
        throw unsupported(node, "updates of shape \(shape(of: updates)) do not fit or are too large")
      }
      joined.shape = own
      return .numbers(joined)
    }
    let data = try reshape(.map(try lifted(value, for: node)), [count] + rest, node)
    let changes = try reshape(.map(try lifted(updates, for: node)), [places.count] + rest, node)
    guard case .map(let a) = data, case .map(let b) = changes else {
      throw unsupported(node, "of such an operand is not supported")
    }
    let joined = try joined([a, b], 0, node)
    return try reshape(.map(try rows(joined, sources, outer: 1, node)), own, node)
  }
}
