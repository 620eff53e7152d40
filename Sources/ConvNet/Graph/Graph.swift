/// A network as nodes in topological order; node 0 is the input.
struct Graph: Sendable {
  struct Node: Sendable {
    /// The module's name in the state dict, or a descriptive one where it holds no parameters.
    let name: String
    let operation: Operation
    /// Indices of earlier nodes.
    let inputs: [Int]
    /// Channels of the result.
    let channels: Int
  }

  let nodes: [Node]
  let output: Int

  var batchNorms: [BatchNormLayer] {
    nodes.compactMap { node in
      if case .batchNorm(let layer) = node.operation { layer } else { nil }
    }
  }
}
