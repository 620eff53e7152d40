import Checkpoint
import ONNXModel

extension ONNXImporter {
  static let shapeRules: [String: Rule] = [
    "Identity": { importer, node in [try importer.identity(node)] },
    "Dropout": { importer, node in
      [try importer.required(node, 0), .numbers(Numbers(ints: [1], shape: []))]
    },
    "Cast": { importer, node in
      [try importer.cast(node, toFloat: [1, 10, 11, 16].contains(node.int("to") ?? 0))]
    },
    "CastLike": { importer, node in
      let isFloat =
        switch try importer.required(node, 1) {
        case .numbers(let numbers): numbers.ints == nil
        default: true
        }
      return [try importer.cast(node, toFloat: isFloat)]
    },
    "Flatten": { importer, node in
      let value = try importer.required(node, 0)
      let shape = importer.shape(of: value)
      guard shape.count >= 1, case let axis = node.int("axis") ?? 1, axis == 1 || axis == 1 - shape.count
      else { throw importer.unsupported(node, "expected the axis 1") }
      return [try importer.reshape(value, [shape[0], shape.dropFirst().reduce(1, *)], node)]
    },
    "Reshape": { try $0.reshape($1) },
    "Squeeze": { try $0.squeeze($1) },
    "Unsqueeze": { try $0.unsqueeze($1) },
    "Transpose": { try $0.transpose($1) },
    "Expand": { try $0.expand($1) },
    "Concat": { try $0.concatenate($1) },
    "Split": { try $0.split($1) },
    "Slice": { try $0.slice($1) },
    "Gather": { try $0.gather($1) },
  ]

  func shape(of value: ImportedValue) -> [Int] {
    switch value {
    case .map(let view), .probabilities(let view): view.shape
    case .numbers(let numbers): numbers.shape
    case .parameter(let parameter): parameter.shape
    }
  }

  /// The older exporter gives equal tensors their names this way.
  private func identity(_ node: ONNXNode) throws -> ImportedValue {
    guard case .parameter(var parameter) = try required(node, 0), let output = node.outputs.first else {
      return try required(node, 0)
    }
    if parameter.isPlain { parameter.names.insert(TensorName(output), at: 0) }
    return .parameter(parameter)
  }

  private func cast(_ node: ONNXNode, toFloat: Bool) throws -> ImportedValue {
    switch try required(node, 0) {
    case .numbers(var numbers):
      if toFloat { numbers.elements = .reals(numbers.reals) }
      if !toFloat, numbers.ints == nil {
        numbers.elements = .ints(numbers.reals.map { Int(exactly: $0.rounded(.towardZero)) ?? .max })
      }
      return .numbers(numbers)
    case let value:
      guard toFloat else { throw unsupported(node, "only numbers of shapes become integers") }
      return value
    }
  }

  private func reshape(_ node: ONNXNode) throws -> [ImportedValue] {
    let value = try required(node, 0)
    guard var target = try numbers(node, 1)?.ints else { throw unsupported(node, "the shape is missing") }
    let own = shape(of: value)
    if node.int("allowzero") ?? 0 == 0 {
      for (index, extent) in target.enumerated() where extent == 0 && index < own.count {
        target[index] = own[index]
      }
    }
    if let open = target.firstIndex(of: -1) {
      target[open] = 1
      guard let given = Numbers.checkedCount(target), given > 0 else {
        throw unsupported(node, "the shape \(target) is impossible")
      }
      target[open] = own.reduce(1, *) / given
    }
    return [try reshape(value, target, node)]
  }

  private func reshape(_ value: ImportedValue, _ target: [Int], _ node: ONNXNode) throws -> ImportedValue {
    let own = shape(of: value)
    guard Numbers.checkedCount(target) == own.reduce(1, *) else {
      throw unsupported(node, "the shape \(own) does not become \(target)")
    }
    switch value {
    case .numbers(var numbers):
      numbers.shape = target
      return .numbers(numbers)
    case .parameter(var parameter):
      guard !parameter.isTransposed else { throw unsupported(node, "of a transposed tensor is not supported") }
      parameter.shape = target
      return .parameter(parameter)
    case .map(let view):
      guard let result = view.reshaped(target) else {
        throw unsupported(node, "the shape \(own) does not become \(target) by splitting or joining axes")
      }
      return .map(result)
    case .probabilities: throw unsupported(node, "of probabilities is not supported")
    }
  }

  private func squeeze(_ node: ONNXNode) throws -> [ImportedValue] {
    let value = try required(node, 0)
    let own = shape(of: value)
    let given = try integers(node, attribute: "axes", operand: 1)
    let axes = try Set(given.map { try $0.map { try axis(node, $0, rank: own.count) } } ?? own.indices.filter { own[$0] == 1 })
    guard axes.allSatisfy({ own[$0] == 1 }) else { throw unsupported(node, "an axis of \(own) is not 1") }
    if case .map(var view) = value {
      guard !axes.contains(0), given != nil || view.batch != 1 else {
        throw unsupported(node, "the axis of the images cannot be left out; name the axes")
      }
      view.axes = view.axes.enumerated().filter { !axes.contains($0.offset + 1) }.map(\.element)
      return [.map(view)]
    }
    return [try reshape(value, own.indices.filter { !axes.contains($0) }.map { own[$0] }, node)]
  }

  private func unsqueeze(_ node: ONNXNode) throws -> [ImportedValue] {
    let value = try required(node, 0)
    let own = shape(of: value)
    guard let given = try integers(node, attribute: "axes", operand: 1), given.count <= 8 else {
      throw unsupported(node, "the axes are missing")
    }
    let rank = own.count + given.count
    let axes = Set(try given.map { try axis(node, $0, rank: rank) })
    guard axes.count == given.count else { throw unsupported(node, "an axis is named twice") }
    var rest = own[...]
    let target = (0..<rank).map { axes.contains($0) ? 1 : rest.removeFirst() }
    return [try reshape(value, target, node)]
  }

  private func transpose(_ node: ONNXNode) throws -> [ImportedValue] {
    let value = try required(node, 0)
    let own = shape(of: value)
    let order = node.ints("perm") ?? Array(own.indices.reversed())
    guard order.sorted() == Array(own.indices) else { throw unsupported(node, "perm \(order) does not fit \(own)") }
    switch value {
    case .map(var view):
      guard order.first == 0 else { throw unsupported(node, "the axis of the images is expected to stay first") }
      view.axes = order.dropFirst().map { view.axes[$0 - 1] }
      return [.map(view)]
    case .parameter(var parameter) where order == [1, 0] && (parameter.isPlain || parameter.isTransposed):
      parameter.isTransposed.toggle()
      parameter.shape.reverse()
      return [.parameter(parameter)]
    case .numbers(let numbers) where own.count <= 1: return [.numbers(numbers)]
    default: throw unsupported(node, "of a tensor of the file of shape \(own) is not supported")
    }
  }

  private func expand(_ node: ONNXNode) throws -> [ImportedValue] {
    let value = try required(node, 0)
    guard let target = try numbers(node, 1)?.ints else { throw unsupported(node, "the shape is missing") }
    guard let whole = Numbers.broadcastShape(shape(of: value), target) else {
      throw unsupported(node, "the shape \(shape(of: value)) does not become \(target)")
    }
    if case .numbers(let numbers) = value {
      guard let result = numbers.broadcast(to: whole) else {
        throw unsupported(node, "a constant of shape \(whole) is too large to compute")
      }
      return [.numbers(result)]
    }
    guard Numbers.checkedCount(whole) == shape(of: value).reduce(1, *) else {
      throw unsupported(node, "the shape \(shape(of: value)) does not become \(whole)")
    }
    return [try reshape(value, whole, node)]
  }

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
    // Maps stacked along a new axis before their channels are channels, too.
    let isStack = first.axes.count == 4 && views.allSatisfy {
      $0.axes == [[], $0.channels, $0.rows, $0.columns] && index == 0
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
      result.axes = [
        [MapView.Part(dimension: .channel, stride: channels, extent: count)].filter { $0.extent > 1 },
        MapView.whole(.channel, channels), result.rows, result.columns,
      ]
    } else if isRow {
      result.axes = first.axes
      result.axes[index] = result.channels
    }
    return result
  }

  /// A range of channels of a map, or of its rows and columns as long as it reaches to their end.
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

  private mutating func slice(_ node: ONNXNode) throws -> [ImportedValue] {
    let value = try required(node, 0)
    let own = shape(of: value)
    guard let starts = try integers(node, attribute: "starts", operand: 1),
      let ends = try integers(node, attribute: "ends", operand: 2), starts.count == ends.count
    else { throw unsupported(node, "starts and ends do not fit") }
    let axes = try integers(node, attribute: "axes", operand: 3) ?? Array(starts.indices)
    let steps = try integers(node, attribute: "", operand: 4) ?? starts.map { _ in 1 }
    guard axes.count == starts.count, steps.count == starts.count, steps.allSatisfy({ $0 == 1 }) else {
      throw unsupported(node, "expected steps of one for each axis")
    }
    var result = value
    for (position, given) in axes.enumerated() {
      let index = try axis(node, given, rank: own.count)
      let extent = shape(of: result)[index]
      func clamp(_ value: Int) -> Int {
        let shifted = value < 0 ? value.addingReportingOverflow(extent).partialValue : value
        return min(max(shifted, 0), extent)
      }
      let (from, to) = (clamp(starts[position]), clamp(ends[position]))
      guard from < to || !isMap(result) else { throw unsupported(node, "nothing is left of \(own)") }
      switch result {
      case .map(let view):
        guard index > 0 else { throw unsupported(node, "the images cannot be cut") }
        if view.isPlain && index >= 2 {
          result = .map(try cut(view, index, from, extent - to, given: ends[position], node))
        } else {
          result = .map(try range(view, index - 1, from..<to, node))
        }
      case .numbers(let numbers) where own.count == 1:
        let picked = from < to ? Array(from..<to) : []
        result = .numbers(numbers.picking(picked, shape: [picked.count]))
      default: throw unsupported(node, "of a tensor of the file is not supported")
      }
    }
    return [result]
  }

  private func isMap(_ value: ImportedValue) -> Bool { if case .map = value { true } else { false } }

  private mutating func cut(
    _ view: MapView, _ index: Int, _ before: Int, _ after: Int, given end: Int, _ node: ONNXNode
  ) throws -> MapView {
    if before == 0 && after == 0 { return view }
    guard after == 0 || end < 0 else {
      throw unsupported(node, "an end of rows or columns is expected to be counted from behind")
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
    case .numbers(let numbers) where own.count == 1:
      return [.numbers(numbers.picking(wrapped, shape: chosen.shape))]
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
