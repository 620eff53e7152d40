/// A network as nodes in topological order; node 0 is the input.
package struct Graph: Sendable, Equatable {
  package struct Node: Sendable, Equatable {
    /// The module's name in the state dict, or a descriptive one for nodes without parameters.
    package let name: String
    package let operation: Operation
    /// Indices of earlier nodes.
    package let inputs: [Int]
    /// Channels of the result.
    package let channels: Int
  }

  package let nodes: [Node]
  package let output: Int
  /// Divisor of the input's height and width, for layers that would differ at other sizes.
  package var sizeDivisor = 1

  package var batchNorms: [BatchNormLayer] {
    nodes.compactMap { node in
      if case .batchNorm(let layer) = node.operation { layer } else { nil }
    }
  }

  /// Floats after the end of a map that a convolution may read: the pixels that fill up its last tile.
  package var readAhead: Int {
    // Pixels may be as far apart as those of the widest map, where maps are parts of it.
    let widest = nodes.map(\.channels).max() ?? 0
    return nodes.map { node in
      guard case .convolution(let convolution) = node.operation else { return 0 }
      return 14 * convolution.window.stride.width * widest
    }.max() ?? 0
  }
}
