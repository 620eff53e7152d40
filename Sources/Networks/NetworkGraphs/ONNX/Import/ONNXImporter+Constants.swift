import Checkpoint

extension ONNXImporter {
  static let constantRules: [String: Rule] = [
    "Constant": { importer, node in [try importer.constant(node)] },
    "ConstantOfShape": { importer, node in
      guard let shape = try importer.numbers(node, 0)?.ints else {
        throw importer.unsupported(node, "the shape is missing")
      }
      var one = try node.tensor("value").map { try importer.numbers($0) } ?? Numbers(reals: [0])
      guard one.count == 1 else {
        throw importer.unsupported(node, "expected one number as its value, found \(one.count)")
      }
      one.shape = []
      guard let result = one.broadcast(to: shape) else {
        throw importer.unsupported(node, "a constant of shape \(shape) is too large to compute")
      }
      return [.numbers(result)]
    },
    "Shape": { importer, node in
      let shape = importer.shape(of: try importer.required(node, 0))
      func bound(_ value: Int) -> Int { min(max(value < 0 ? value + shape.count : value, 0), shape.count) }
      let (start, end) = (bound(max(node.int("start") ?? 0, -64)), bound(max(node.int("end") ?? 64, -64)))
      return [.numbers(Numbers(ints: start < end ? Array(shape[start..<end]) : []))]
    },
    "Size": { importer, node in
      let shape = importer.shape(of: try importer.required(node, 0))
      return [.numbers(Numbers(ints: [shape.reduce(1, *)], shape: []))]
    },
    "Range": { importer, node in
      let bounds = try (0..<3).map { try importer.numbers(node, $0)?.ints?.first }
      guard let start = bounds[0], let limit = bounds[1], let step = bounds[2], step != 0,
        abs(Double(limit) - Double(start)) / abs(Double(step)) <= Double(Numbers.largestCount)
      else { throw importer.unsupported(node, "is too large to compute") }
      return [.numbers(Numbers(ints: Array(stride(from: start, to: limit, by: step))))]
    },
    "Where": { importer, node in
      if case .excess(let condition)? = importer.operand(node, 0) {
        return [.map(try importer.softplus(node, condition))]
      }
      guard let condition = try importer.numbers(node, 0), let a = try importer.numbers(node, 1),
        let b = try importer.numbers(node, 2),
        let shape = Numbers.broadcastShape(a.shape, b.shape).flatMap({
          Numbers.broadcastShape($0, condition.shape)
        }), let choice = condition.broadcast(to: shape)?.ints, let x = a.broadcast(to: shape),
        let y = b.broadcast(to: shape)
      else { throw importer.unsupported(node, "expected constants of shapes that fit") }
      if let x = x.ints, let y = y.ints {
        return [.numbers(Numbers(ints: choice.indices.map { choice[$0] != 0 ? x[$0] : y[$0] }, shape: shape))]
      }
      let (first, second) = (x.reals, y.reals)
      let reals = choice.indices.map { choice[$0] != 0 ? first[$0] : second[$0] }
      return [.numbers(Numbers(reals: reals, shape: shape))]
    },
    "ReduceProd": { importer, node in
      guard let ints = try importer.numbers(node, 0)?.ints else {
        throw importer.unsupported(node, "expected integers")
      }
      let product = try ints.reduce(1) { try importer.checked($0.multipliedReportingOverflow(by: $1), node) }
      return [.numbers(Numbers(ints: [product], shape: node.int("keepdims") == 0 ? [] : [1]))]
    },
    "Mod": { try $0.folded($1) }, "Min": { try $0.bounded($1) }, "Max": { try $0.bounded($1) },
    "Equal": { try $0.folded($1) }, "Less": { try $0.folded($1) },
    "Greater": { importer, node in
      if case .map(let view)? = importer.operand(node, 0) { return [.excess(view)] }
      return try importer.folded(node)
    },
    "LessOrEqual": { try $0.folded($1) }, "GreaterOrEqual": { try $0.folded($1) },
    "And": { try $0.folded($1) }, "Or": { try $0.folded($1) }, "Not": { try $0.folded($1) },
    "Floor": { try $0.folded($1) }, "Ceil": { try $0.folded($1) }, "Sqrt": { try $0.folded($1) },
    "Abs": { try $0.folded($1) }, "Pow": { try $0.power($1) },
  ]

  private func constant(_ node: ONNXNode) throws -> ImportedValue {
    if let tensor = node.tensor("value") {
      let isWeight = tensor.spec.dtype.isFloatingPoint && tensor.spec.shape.count > 1
      if tensor.spec.elementCount <= 4096 && !isWeight { return .numbers(try numbers(tensor)) }
      // Weights that are exported as constants have only the name of their value.
      return .parameter(
        ImportedValue.Parameter(
          tensor: tensor, names: names(of: TensorName(node.outputs.first ?? "")), shape: tensor.spec.shape))
    }
    if let value = node.int("value_int") { return .numbers(Numbers(ints: [value], shape: [])) }
    if let values = node.ints("value_ints") { return .numbers(Numbers(ints: values)) }
    if let value = node.real("value_float") { return .numbers(Numbers(reals: [value], shape: [])) }
    if let values = node.reals("value_floats") { return .numbers(Numbers(reals: values)) }
    throw unsupported(node, "has no number as its value")
  }

  /// PyTorch's softplus returns x itself for large x, which differs from log(1 + e^x) by less than the last
  /// bit.
  private func softplus(_ node: ONNXNode, _ condition: MapView) throws -> MapView {
    let (above, below) = (try map(node, 1), try map(node, 2))
    guard case .function(.softplus) = nodes[below.node].operation, nodes[below.node].inputs == [above.node],
      condition.node == above.node, below.axes == above.axes
    else { throw unsupported(node, "of case distinctions that of softplus is supported") }
    return below
  }

  private func folded(_ node: ONNXNode) throws -> [ImportedValue] {
    if let result = try fold(node) { return result }
    throw unsupported(node, "is supported in the arithmetic of shapes only")
  }

  /// A bound for a map by a number.
  private mutating func bounded(_ node: ONNXNode) throws -> [ImportedValue] {
    if let result = try fold(node) { return result }
    guard node.inputs.count == 2 else { throw unsupported(node, "expected two operands") }
    for (index, other) in [(0, 1), (1, 0)] {
      guard case .map(let view)? = operand(node, index), let bound = try numbers(node, other),
        let value = bound.uniform.map({ Float($0) })
      else { continue }
      let function = PointwiseFunction.clip(
        low: node.type == "Max" ? value : -.infinity, high: node.type == "Min" ? value : .infinity)
      return [.map(try append(node.name, .function(function), like: view))]
    }
    throw unsupported(node, "expected a map and a number")
  }

  private mutating func power(_ node: ONNXNode) throws -> [ImportedValue] {
    if let result = try fold(node) { return result }
    let view = try map(node)
    guard try numbers(node, 1)?.uniform == 2 else { throw unsupported(node, "expected the square") }
    var result = try append(
      node.name, .multiply, [view, view], channels: view.size.channels, isPixel: view.isPixel)
    result.axes = view.axes
    return [.map(result)]
  }

  /// The result where all operands are known numbers, else nil.
  func fold(_ node: ONNXNode) throws -> [ImportedValue]? {
    var operands: [Numbers] = []
    for index in node.inputs.indices {
      guard case .numbers(let numbers)? = operand(node, index) else { return nil }
      operands.append(numbers)
    }
    guard var result = operands.first else { return nil }
    if operands.count == 1 { result = try fold(result, node) }
    for operand in operands.dropFirst() { result = try fold(result, operand, node) }
    return [.numbers(result)]
  }

  private func fold(_ a: Numbers, _ node: ONNXNode) throws -> Numbers {
    if let ints = a.ints {
      switch node.type {
      case "Neg": return Numbers(ints: ints.map { 0 &- $0 }, shape: a.shape)
      case "Abs": return Numbers(ints: ints.map { $0 < 0 ? 0 &- $0 : $0 }, shape: a.shape)
      case "Not": return Numbers(ints: ints.map { $0 == 0 ? 1 : 0 }, shape: a.shape)
      default: break
      }
    }
    let change: (Double) -> Double
    switch node.type {
    case "Neg": change = { -$0 }
    case "Abs": change = { abs($0) }
    case "Floor": change = { $0.rounded(.down) }
    case "Ceil": change = { $0.rounded(.up) }
    case "Sqrt": change = { $0.squareRoot() }
    case "Mul", "Add", "Min", "Max": change = { $0 }
    default: throw unsupported(node, "is not computed for constants")
    }
    return Numbers(reals: a.reals.map(change), shape: a.shape)
  }

  private func fold(_ a: Numbers, _ b: Numbers, _ node: ONNXNode) throws -> Numbers {
    guard let shape = Numbers.broadcastShape(a.shape, b.shape), let x = a.broadcast(to: shape),
      let y = b.broadcast(to: shape)
    else { throw unsupported(node, "operands of shapes \(a.shape) and \(b.shape) do not fit") }
    if let x = x.ints, let y = y.ints {
      return Numbers(ints: try zip(x, y).map { try fold($0, $1, node) }, shape: shape)
    }
    let change: (Double, Double) -> Double
    switch node.type {
    case "Add": change = { $0 + $1 }
    case "Sub": change = { $0 - $1 }
    case "Mul": change = { $0 * $1 }
    case "Div": change = { $0 / $1 }
    case "Min": change = { min($0, $1) }
    case "Max": change = { max($0, $1) }
    case "Equal": return compare(x, y, shape) { $0 == $1 }
    case "Less": return compare(x, y, shape) { $0 < $1 }
    case "Greater": return compare(x, y, shape) { $0 > $1 }
    default: throw unsupported(node, "is not computed for constants")
    }
    return Numbers(reals: zip(x.reals, y.reals).map(change), shape: shape)
  }

  private func compare(
    _ x: Numbers, _ y: Numbers, _ shape: [Int], _ holds: (Double, Double) -> Bool
  ) -> Numbers {
    Numbers(ints: zip(x.reals, y.reals).map { holds($0, $1) ? 1 : 0 }, shape: shape)
  }

  private func fold(_ a: Int, _ b: Int, _ node: ONNXNode) throws -> Int {
    switch node.type {
    case "Add": return try checked(a.addingReportingOverflow(b), node)
    case "Sub": return try checked(a.subtractingReportingOverflow(b), node)
    case "Mul": return try checked(a.multipliedReportingOverflow(by: b), node)
    case "Div": return try checked(a.dividedReportingOverflow(by: b), node)
    case "Mod":
      let rest = try checked(a.remainderReportingOverflow(dividingBy: b), node)
      // The sign is the divisor's, unless fmod requests the dividend's.
      return rest != 0 && (rest < 0) != (b < 0) && node.int("fmod") ?? 0 == 0 ? rest + b : rest
    case "Min": return min(a, b)
    case "Max": return max(a, b)
    case "Equal": return a == b ? 1 : 0
    case "Less": return a < b ? 1 : 0
    case "Greater": return a > b ? 1 : 0
    case "LessOrEqual": return a <= b ? 1 : 0
    case "GreaterOrEqual": return a >= b ? 1 : 0
    case "And": return a != 0 && b != 0 ? 1 : 0
    case "Or": return a != 0 || b != 0 ? 1 : 0
    default: throw unsupported(node, "is not computed for integers")
    }
  }

  private func checked(_ result: (partialValue: Int, overflow: Bool), _ node: ONNXNode) throws -> Int {
    guard !result.overflow else { throw unsupported(node, "the arithmetic of shapes overflows") }
    return result.partialValue
  }
}
