import Checkpoint

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
  ]

  func shape(of value: ImportedValue) -> [Int] {
    switch value {
    case .map(let view), .probabilities(let view), .excess(let view): view.shape
    case .sequence(let views): [views.count]
    case .numbers(let numbers): numbers.shape
    case .parameter(let parameter): parameter.shape
    }
  }

  /// The older exporter gives equal tensors their names this way.
  private func identity(_ node: ONNXNode) throws -> ImportedValue {
    guard case .parameter(var parameter) = try required(node, 0), let output = node.outputs.first else {
      return try required(node, 0)
    }
    if parameter.isPlain { parameter.names.insert(contentsOf: names(of: TensorName(output)), at: 0) }
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
      guard !parameter.isTransposed else {
        throw unsupported(node, "of a transposed tensor is not supported")
      }
      parameter.shape = target
      return .parameter(parameter)
    case .map(let view):
      guard let result = view.reshaped(target) else {
        throw unsupported(node, "the shape \(own) does not become \(target) by splitting or joining axes")
      }
      return .map(result)
    case .probabilities, .sequence, .excess: throw unsupported(node, "of such an operand is not supported")
    }
  }

  private func squeeze(_ node: ONNXNode) throws -> [ImportedValue] {
    let value = try required(node, 0)
    let own = shape(of: value)
    let given = try integers(node, attribute: "axes", operand: 1)
    let axes = try Set(
      given.map { try $0.map { try axis(node, $0, rank: own.count) } } ?? own.indices.filter { own[$0] == 1 })
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
    guard order.sorted() == Array(own.indices) else {
      throw unsupported(node, "perm \(order) does not fit \(own)")
    }
    switch value {
    case .map(var view):
      guard order.first == 0 else {
        throw unsupported(node, "the axis of the images is expected to stay first")
      }
      view.axes = order.dropFirst().map { view.axes[$0 - 1] }
      return [.map(view)]
    case .parameter(var parameter) where order == [1, 0] && (parameter.isPlain || parameter.isTransposed):
      parameter.isTransposed.toggle()
      parameter.shape.reverse()
      return [.parameter(parameter)]
    case .numbers(let numbers): return [.numbers(numbers.transposed(order))]
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
    // A gate, which its reader broadcasts anyway; readers that need the whole shape refuse it.
    if case .map(let view) = value, view.isPixel, whole.count == view.rank { return [value] }
    guard Numbers.checkedCount(whole) == shape(of: value).reduce(1, *) else {
      throw unsupported(node, "the shape \(shape(of: value)) does not become \(whole)")
    }
    return [try reshape(value, whole, node)]
  }
}
