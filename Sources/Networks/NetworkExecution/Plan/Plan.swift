import NetworkGraphs

/// A graph as the sequence of steps that computes it.
struct Plan: Sendable {
  let graph: Graph
  let steps: [Step]
  /// Nodes whose results are kept, in addition to the graph's output.
  let kept: Set<Int>
  /// For every step the nodes whose results no later step reads.
  let released: [[Int]]
  /// For every node the steps that read its result, in their order.
  let readers: [[Int]]
  /// Places of nodes' maps within the map of a concatenation.
  let places: [Int: Place]

  /// - Parameter kept: Nodes whose results must be available at the end, though others are computed from
  ///   them.
  init(_ graph: Graph, keeping kept: Set<Int> = []) {
    self.graph = graph
    self.kept = kept
    var fusion = Fusion(graph, kept: kept)
    steps = fusion.steps()

    var lastReader: [Int: Int] = [:]
    for (index, step) in steps.enumerated() {
      // A result without readers is released with its own step.
      lastReader[step.output] = index
      for node in step.reads { lastReader[node] = index }
    }
    var released = Array(repeating: [Int](), count: steps.count)
    for (node, reader) in lastReader where node != graph.output && !kept.contains(node) {
      released[reader].append(node)
    }
    self.released = released.map { $0.sorted() }

    var readers = Array(repeating: [Int](), count: graph.nodes.count)
    for (index, step) in steps.enumerated() {
      for node in Set(step.reads) { readers[node].append(index) }
    }
    self.readers = readers
    places = Place.all(steps, graph, readers: readers)
  }

  /// True if a step reads a node's map as contiguous pixels: kernels take the residual in the layout of the
  /// output, and fully connected layers read a map as one row.
  func needsContiguousMap(_ node: Int) -> Bool {
    readers[node].contains { index in
      if case .linear = steps[index].operation { return true }
      return steps[index].epilogue.residual == node
    }
  }
}

/// Fuses nodes into steps.
private struct Fusion {
  let graph: Graph
  let kept: Set<Int>
  let readers: [[Int]]
  let batchNormIndex: [Int: Int]
  /// The step that computes a node, for nodes already reached.
  var stepOfNode: [Int: Int] = [:]

  init(_ graph: Graph, kept: Set<Int>) {
    self.graph = graph
    self.kept = kept
    var readers = Array(repeating: [Int](), count: graph.nodes.count)
    for (index, node) in graph.nodes.enumerated() {
      for input in node.inputs { readers[input].append(index) }
    }
    self.readers = readers
    batchNormIndex = Dictionary(
      uniqueKeysWithValues: graph.batchNorms.enumerated().map { ($1.nodeIndex, $0) })
  }

  mutating func steps() -> [Step] {
    var steps: [Step] = []
    for (index, node) in graph.nodes.enumerated() where stepOfNode[index] == nil {
      if case .input = node.operation {
        stepOfNode[index] = -1
        continue
      }
      var step = Step(
        name: node.name, operation: node.operation, node: index, inputs: node.inputs, output: index)
      start(&step)
      while absorbNext(&step) {}
      stepOfNode[index] = steps.count
      steps.append(step)
    }
    return steps
  }

  /// Moves parts of an operation into the epilogue where the epilogue can express them.
  private func start(_ step: inout Step) {
    switch step.operation {
    case .batchNorm: step.epilogue.batchNorm = batchNormIndex[step.output]
    case .activation(let activation): step.epilogue.activation = activation
    default: break
    }
  }

  /// Fuses the only reader of the step's result into the step if it fits after the existing operations.
  private mutating func absorbNext(_ step: inout Step) -> Bool {
    guard step.output != graph.output, !kept.contains(step.output), readers[step.output].count == 1,
      let next = readers[step.output].first, step.epilogue.activation == .identity
    else { return false }
    switch (graph.nodes[next].operation, step.operation) {
    case (.batchNorm, .convolution) where step.epilogue.batchNorm == nil && step.epilogue.residual == nil:
      step.epilogue.batchNorm = batchNormIndex[next]
    case (.add, .convolution), (.add, .batchNorm):
      guard step.epilogue.residual == nil,
        let other = graph.nodes[next].inputs.first(where: { $0 != step.output }),
        stepOfNode[other] != nil
      else { return false }
      step.epilogue.residual = other
    case (.activation(let activation), .convolution), (.activation(let activation), .batchNorm),
      (.activation(let activation), .add), (.activation(let activation), .gate),
      (.activation(let activation), .linear):
      step.epilogue.activation = activation
    default:
      return false
    }
    stepOfNode[next] = stepOfNode[step.output] ?? Int.max
    step.output = next
    return true
  }
}
