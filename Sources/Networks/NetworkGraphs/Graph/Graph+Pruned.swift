extension Graph {
  /// The graph without nodes that do not contribute to the output; the input stays.
  package func pruned() -> Graph {
    var needed = Array(repeating: false, count: nodes.count)
    needed[0] = true
    needed[output] = true
    for index in nodes.indices.reversed() where needed[index] {
      for input in nodes[index].inputs { needed[input] = true }
    }
    var position: [Int: Int] = [:]
    var kept: [Node] = []
    for (index, node) in nodes.enumerated() where needed[index] {
      position[index] = kept.count
      var operation = node.operation
      if case .batchNorm(var layer) = operation {
        layer.nodeIndex = kept.count
        operation = .batchNorm(layer)
      }
      kept.append(
        Node(
          name: node.name, operation: operation, inputs: node.inputs.map { position[$0]! },
          channels: node.channels))
    }
    return Graph(nodes: kept, output: position[output]!)
  }
}
