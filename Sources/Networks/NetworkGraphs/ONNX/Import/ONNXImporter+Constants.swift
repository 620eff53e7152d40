import Checkpoint
import Platform

extension ONNXImporter {
  static let constantRules: [String: Rule] = [
    "Constant": { importer, node in [try importer.constant(node)] },
    "ConstantOfShape": { importer, node in
      guard let shape = try importer.numbers(node, 0)?.ints, shape.count <= Numbers.mostAxes else {
        throw importer.unsupported(node, "the shape is missing or has too many axes")
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
      let bounds = try (0..<3).map { try importer.numbers(node, $0) }
      guard let start = bounds[0]?.uniform, let limit = bounds[1]?.uniform, let step = bounds[2]?.uniform,
        step != 0, abs(limit - start) / abs(step) <= Double(1 << 20)
      else { throw importer.unsupported(node, "is too large to compute") }
      if let start = bounds[0]?.ints?.first, let limit = bounds[1]?.ints?.first,
        let step = bounds[2]?.ints?.first
      {
        return [.numbers(Numbers(ints: Array(stride(from: start, to: limit, by: step))))]
      }
      let count = max(0, Int(((limit - start) / step).rounded(.up)))
      return [.numbers(Numbers(reals: (0..<count).map { start + Double($0) * step }))]
    },
    "Where": { importer, node in
      if case .excess(let condition)? = importer.operand(node, 0) {
        return [.map(try importer.softplus(node, condition))]
      }
      return [try importer.choose(node)]
    },
    "EyeLike": { importer, node in
      let shape = importer.shape(of: try importer.required(node, 0))
      let offset = node.int("k") ?? 0
      guard shape.count == 2, let count = Numbers.checkedCount(shape), count <= Numbers.largestCount,
        offset.magnitude <= 1 << 30
      else { throw importer.unsupported(node, "of shape \(shape) is not supported") }
      let ones = (0..<count).map { $0 % shape[1] - $0 / shape[1] == offset ? 1 : 0 }
      let eye = Numbers(ints: ones, shape: shape)
      return [
        .numbers([6, 7].contains(node.int("dtype") ?? 1) ? eye : Numbers(reals: eye.reals, shape: shape))
      ]
    },
    "Trilu": { importer, node in
      guard let numbers = try importer.numbers(node, 0), numbers.shape.count >= 2 else {
        throw importer.unsupported(node, "expected a constant matrix")
      }
      let diagonal = try importer.numbers(node, 1)?.ints?.first ?? 0
      let isUpper = node.int("upper") ?? 1 != 0
      guard diagonal.magnitude <= 1 << 30 else { throw importer.unsupported(node, "has no such diagonal") }
      let (rows, columns) = (numbers.shape[numbers.shape.count - 2], numbers.shape[numbers.shape.count - 1])
      func stays(_ index: Int) -> Bool {
        let distance = index % columns - index / columns % rows
        return isUpper ? distance >= diagonal : distance <= diagonal
      }
      if let ints = numbers.ints {
        return [
          .numbers(Numbers(ints: ints.indices.map { stays($0) ? ints[$0] : 0 }, shape: numbers.shape))
        ]
      }
      let reals = numbers.reals
      return [.numbers(Numbers(reals: reals.indices.map { stays($0) ? reals[$0] : 0 }, shape: numbers.shape))]
    },
    "Mod": { try $0.folded($1) }, "Min": { try $0.bounded($1) }, "Max": { try $0.bounded($1) },
    "Equal": { try $0.folded($1) }, "Less": { try $0.folded($1) },
    "Greater": { importer, node in
      if case .map(let view)? = importer.operand(node, 0) { return [.excess(view)] }
      return try importer.folded(node)
    },
    "LessOrEqual": { try $0.folded($1) }, "GreaterOrEqual": { try $0.folded($1) },
    "And": { try $0.folded($1) }, "Or": { try $0.folded($1) }, "Not": { try $0.folded($1) },
    "Floor": { try $0.folded($1) }, "Ceil": { try $0.folded($1) }, "Round": { try $0.folded($1) },
    "Sign": { try $0.folded($1) },
  ]

  /// One of two values, element by element, where a constant says which.
  private mutating func choose(_ node: ONNXNode) throws -> ImportedValue {
    guard let condition = try numbers(node, 0) else { throw unsupported(node, "the condition is missing") }
    let operands = [try required(node, 1), try required(node, 2)]
    guard let a = try constant(operands[0]), let b = try constant(operands[1]) else {
      if let value = condition.uniform {
        let (chosen, other) = value != 0 ? (operands[0], operands[1]) : (operands[1], operands[0])
        let own = shape(of: chosen)
        let isWhole = [shape(of: other), condition.shape].allSatisfy {
          Numbers.broadcastShape(own, $0) == own
        }
        if isWhole { return chosen }
      }
      let views = try aligned(
        [try lifted(.numbers(condition), for: node)] + operands.map { try lifted($0, for: node) }, for: node)
      var result = try append(node.name, .select, views, channels: views[0].size.channels)
      result.isPixel = views[0].size.pixels == 1
      result.axes = (views.first { Self.withoutImages($0.axes) != $0.axes } ?? views[0]).axes
      return .map(result)
    }
    guard
      let common = Numbers.broadcastShape(a.shape, b.shape).flatMap({
        Numbers.broadcastShape($0, condition.shape)
      }), let choice = condition.broadcast(to: common)?.reals, let x = a.broadcast(to: common),
      let y = b.broadcast(to: common)
    else { throw unsupported(node, "expected constants of shapes that fit") }
    if let x = x.ints, let y = y.ints {
      return .numbers(Numbers(ints: choice.indices.map { choice[$0] != 0 ? x[$0] : y[$0] }, shape: common))
    }
    let (first, second) = (x.reals, y.reals)
    let reals = choice.indices.map { choice[$0] != 0 ? first[$0] : second[$0] }
    return .numbers(Numbers(reals: reals, shape: common))
  }

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

  /// The result where all operands are known numbers or tensors of the file, else nil.
  func fold(_ node: ONNXNode) throws -> [ImportedValue]? {
    var operands: [Numbers] = []
    for index in node.inputs.indices {
      switch operand(node, index) {
      case .numbers(let numbers)?: operands.append(numbers)
      case .parameter(let parameter)? where parameter.tensor.spec.elementCount <= Numbers.largestCount:
        operands.append(try read(parameter))
      default: return nil
      }
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
    case "Round": change = { $0.rounded(.toNearestOrEven) }
    case "Sign": change = { $0 > 0 ? 1 : $0 < 0 ? -1 : $0 }
    case "Exp": change = { exp($0) }
    case "Log": change = { log($0) }
    case "Sin": change = { sin($0) }
    case "Cos": change = { cos($0) }
    case "Tanh": change = { tanh($0) }
    case "Sigmoid": change = { 1 / (1 + exp(-$0)) }
    case "Relu": change = { max($0, 0) }
    case "Reciprocal": change = { 1 / $0 }
    case "Erf": change = { erf($0) }
    case "Softplus": change = { max($0, 0) + log1p(exp(-abs($0))) }
    case "Mul", "Add", "Sum", "Min", "Max": change = { $0 }
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
    case "Add", "Sum": change = { $0 + $1 }
    case "Sub": change = { $0 - $1 }
    case "Mul": change = { $0 * $1 }
    case "Div": change = { $0 / $1 }
    case "Min": change = { min($0, $1) }
    case "Max": change = { max($0, $1) }
    case "Pow": change = { pow($0, $1) }
    case "Mod": change = { $0 - $1 * ($0 / $1).rounded(.down) }
    case "LessOrEqual": return compare(x, y, shape) { $0 <= $1 }
    case "GreaterOrEqual": return compare(x, y, shape) { $0 >= $1 }
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
    case "Add", "Sum": return try checked(a.addingReportingOverflow(b), node)
    case "Sub": return try checked(a.subtractingReportingOverflow(b), node)
    case "Mul": return try checked(a.multipliedReportingOverflow(by: b), node)
    case "Div": return try checked(a.dividedReportingOverflow(by: b), node)
    case "Mod":
      let rest = try checked(a.remainderReportingOverflow(dividingBy: b), node)
      // The sign is the divisor's, unless fmod requests the dividend's.
      return rest != 0 && (rest < 0) != (b < 0) && node.int("fmod") ?? 0 == 0 ? rest + b : rest
    case "Pow":
      guard let power = Int(exactly: pow(Double(a), Double(b)).rounded(.towardZero)),
        power.magnitude <= 1 << 53
      else { throw unsupported(node, "the arithmetic of shapes overflows") }
      return power
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
