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
      let given = node.int("axis") ?? 1
      let axis = given == shape.count ? given : try importer.axis(node, given, rank: shape.count)
      return [
        try importer.reshape(value, [shape[..<axis].reduce(1, *), shape[axis...].reduce(1, *)], node)
      ]
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
    case .parameter(let parameter) where !toFloat || !parameter.tensor.spec.dtype.isFloatingPoint:
      let numbers = try read(parameter)
      if toFloat { return .numbers(Numbers(reals: numbers.reals, shape: numbers.shape)) }
      return .numbers(
        Numbers(
          ints: numbers.reals.map { Int(exactly: $0.rounded(.towardZero)) ?? .max }, shape: numbers.shape))
    case let value:
      guard toFloat else { throw unsupported(node, "only numbers of shapes become integers") }
      return value
    }
  }

  private mutating func reshape(_ node: ONNXNode) throws -> [ImportedValue] {
    let value = try required(node, 0)
    guard var target = try numbers(node, 1)?.ints else { throw unsupported(node, "the shape is missing") }
    let own = shape(of: value)
    guard target.count <= Numbers.mostAxes else {
      throw unsupported(node, "a shape of \(target.count) axes is not supported")
    }
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

  mutating func reshape(_ value: ImportedValue, _ target: [Int], _ node: ONNXNode) throws -> ImportedValue {
    let own = shape(of: value)
    guard target.count <= Numbers.mostAxes else {
      throw unsupported(node, "a shape of \(target.count) axes is not supported")
    }
    guard Numbers.checkedCount(target) == own.reduce(1, *) else {
      throw unsupported(node, "the shape \(own) does not become \(target)")
    }
    switch value {
    case .numbers(var numbers):
      numbers.shape = target
      return .numbers(numbers)
    case .parameter(var parameter):
      if parameter.isTransposed { return try reshape(.numbers(try read(parameter)), target, node) }
      parameter.shape = target
      return .parameter(parameter)
    case .map(let view):
      if let result = view.reshaped(target) { return .map(result) }
      // Axes that are out of order must be laid out before they can be split elsewhere, at worst as one row.
      if let result = try dense(view, for: node).reshaped(target) { return .map(result) }
      guard let result = try dense(view, channelAxes: view.rank, for: node).reshaped(target) else {
        throw unsupported(node, "the shape \(own) does not become \(target)")
      }
      return .map(result)
    case .probabilities, .sequence, .excess: throw unsupported(node, "of such an operand is not supported")
    }
  }

  private mutating func squeeze(_ node: ONNXNode) throws -> [ImportedValue] {
    let value = try required(node, 0)
    let own = shape(of: value)
    let given = try integers(node, attribute: "axes", operand: 1)
    let axes = try Set(
      given.map { try $0.map { try axis(node, $0, rank: own.count) } } ?? own.indices.filter { own[$0] == 1 })
    guard axes.allSatisfy({ own[$0] == 1 }) else { throw unsupported(node, "an axis of \(own) is not 1") }
    if case .map(var view) = value {
      guard given != nil || view.batch != 1 else {
        throw unsupported(node, "the axis of the images cannot be left out; name the axes")
      }
      view.axes = view.axes.enumerated().filter { !axes.contains($0.offset) }.map(\.element)
      return [.map(view)]
    }
    return [try reshape(value, own.indices.filter { !axes.contains($0) }.map { own[$0] }, node)]
  }

  private mutating func unsqueeze(_ node: ONNXNode) throws -> [ImportedValue] {
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
    case .map(let view): return [.map(view.permuted(order))]
    case .parameter(var parameter) where order == [1, 0] && (parameter.isPlain || parameter.isTransposed):
      parameter.isTransposed.toggle()
      parameter.shape.reverse()
      return [.parameter(parameter)]
    case .numbers(let numbers): return [.numbers(numbers.transposed(order))]
    case .parameter(let parameter): return [.numbers(try read(parameter).transposed(order))]
    default: throw unsupported(node, "of such an operand is not supported")
    }
  }

  private mutating func expand(_ node: ONNXNode) throws -> [ImportedValue] {
    let value = try required(node, 0)
    guard let target = try numbers(node, 1)?.ints else { throw unsupported(node, "the shape is missing") }
    guard target.count <= Numbers.mostAxes else {
      throw unsupported(node, "a shape of \(target.count) axes is not supported")
    }
    guard let whole = Numbers.broadcastShape(shape(of: value), target) else {
      throw unsupported(node, "the shape \(shape(of: value)) does not become \(target)")
    }
    switch value {
    case .numbers(let numbers):
      guard let result = numbers.broadcast(to: whole) else {
        throw unsupported(node, "a constant of shape \(whole) is too large to compute")
      }
      return [.numbers(result)]
    case .map(let view): return [.map(try expanded(view, to: whole, for: node))]
    case .parameter(let parameter):
      if Numbers.checkedCount(whole) == shape(of: value).reduce(1, *) {
        return [try reshape(value, whole, node)]
      }
      guard let result = try read(parameter).broadcast(to: whole) else {
        throw unsupported(node, "a constant of shape \(whole) is too large to compute")
      }
      return [.numbers(result)]
    default: throw unsupported(node, "of such an operand is not supported")
    }
  }
}
