import Checkpoint
import Platform

/// Arithmetic on a file's own small tensors, which becomes numbers: the fusion weights of BiFPN, and BatchNorms of fixed
/// statistics that are written out as scale and shift.
extension ONNXImporter {
  /// The operators and the change of each number.
  private static let functions: [String: @Sendable (Double) -> Double] = [
    "Relu": { max($0, 0) }, "Sigmoid": { 1 / (1 + exp(-$0)) }, "Exp": { exp($0) },
    "Sqrt": { $0.squareRoot() }, "Reciprocal": { 1 / $0 }, "Neg": { -$0 }, "Abs": { abs($0) },
  ]

  private static let operations: [String: @Sendable (Double, Double) -> Double] = [
    "Add": { $0 + $1 }, "Sub": { $0 - $1 }, "Mul": { $0 * $1 }, "Div": { $0 / $1 },
    "Max": { max($0, $1) }, "Min": { min($0, $1) },
  ]

  /// The result of an operator that reads parameters, and numbers made of them, alone; nil for all others, which have
  /// their own rules.
  func weightArithmetic(_ node: ONNXNode) throws -> [ImportedValue]? {
    let isOwn = Self.functions[node.type] != nil || ["ReduceSum", "Softmax"].contains(node.type)
    var hasWeights = false
    for index in node.inputs.indices {
      switch operand(node, index) {
      case .parameter(let parameter):
        guard parameter.tensor.spec.elementCount <= 4096, !parameter.isTransposed else { return nil }
        hasWeights = true
      case .numbers(let numbers): if isOwn && numbers.ints == nil { hasWeights = true }
      case .none: break
      default: return nil
      }
    }
    guard hasWeights, let first = try numbers(node, 0) else { return nil }
    if let function = Self.functions[node.type] {
      return [.numbers(Numbers(reals: first.reals.map(function), shape: first.shape))]
    }
    if let operation = Self.operations[node.type] {
      guard node.inputs.count == 2, let second = try numbers(node, 1),
        let shape = Numbers.broadcastShape(first.shape, second.shape),
        let a = first.broadcast(to: shape), let b = second.broadcast(to: shape)
      else { throw unsupported(node, "operands of these shapes do not fit") }
      return [.numbers(Numbers(reals: zip(a.reals, b.reals).map(operation), shape: shape))]
    }
    switch node.type {
    case "ReduceSum", "Softmax":
      // Of one axis there is nothing to choose.
      guard first.shape.filter({ $0 != 1 }).count <= 1 else { return nil }
      if node.type == "Softmax" {
        let largest = first.reals.max() ?? 0
        let powers = first.reals.map { exp($0 - largest) }
        let sum = powers.reduce(0, +)
        return [.numbers(Numbers(reals: powers.map { $0 / sum }, shape: first.shape))]
      }
      let keeps = node.int("keepdims") ?? 1 != 0
      return [
        .numbers(Numbers(reals: [first.reals.reduce(0, +)], shape: keeps ? first.shape.map { _ in 1 } : []))
      ]
    case "Gather":
      guard let chosen = try numbers(node, 1), let indices = chosen.ints, chosen.shape.isEmpty,
        first.shape.count == 1, node.int("axis") ?? 0 == 0, (-first.count..<first.count).contains(indices[0])
      else { return nil }
      let place = indices[0] < 0 ? indices[0] + first.count : indices[0]
      return [.numbers(first.picking([place], shape: []))]
    default: return nil
    }
  }
}
