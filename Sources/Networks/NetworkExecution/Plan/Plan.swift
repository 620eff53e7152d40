import NetworkGraphs

/// A graph as the sequence of steps that computes it.
struct Plan: Sendable {
  let graph: Graph
  let steps: [PlanStep]
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

  mutating func steps() -> [PlanStep] {
    var steps: [PlanStep] = []
    for (index, node) in graph.nodes.enumerated() where stepOfNode[index] == nil {
      if case .input = node.operation {
        stepOfNode[index] = -1
        continue
      }
      var step = PlanStep(
        name: node.name, operation: node.operation, node: index, inputs: node.inputs, output: index)
      start(&step)
      while absorbNext(&step) {}
      stepOfNode[index] = steps.count
      steps.append(step)
    }
    return steps
  }

  /// Moves parts of an operation into the epilogue where the epilogue can express them.
  private func start(_ step: inout PlanStep) {
    switch step.operation {
    case .batchNorm: step.epilogue.batchNorm = batchNormIndex[step.output]
    case .activation(let activation): step.epilogue.activation = activation
    default: break
    }
  }

  /// Fuses the only reader of the step's result into the step if it fits after the existing operations.
  private mutating func absorbNext(_ step: inout PlanStep) -> Bool {
    guard step.output != graph.output, !kept.contains(step.output), readers[step.output].count == 1,
      let next = readers[step.output].first, step.epilogue.activation == .identity
    else { return false }
    switch (graph.nodes[next].operation, step.operation) {
    case (.batchNorm, .convolution) where step.epilogue.isEmpty:
      step.epilogue.batchNorm = batchNormIndex[next]
    case (.affine, .convolution) where step.epilogue.isEmpty: step.epilogue.affine = next
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

/// One pass over the data: a node fused with the BatchNorm, sum and activation that follow it directly.
struct PlanStep: Sendable {
  /// Remaining operations on every element of the result: y = activation(norm(x) + residual).
  struct Epilogue: Sendable {
    /// Index into the network's BatchNorms.
    var batchNorm: Int?
    /// Node of the scale and shift in its place.
    var affine: Int?
    /// Node whose result is added.
    var residual: Int?
    var activation = Activation.identity

    var isEmpty: Bool { batchNorm == nil && affine == nil && residual == nil && activation == .identity }
  }

  let name: String
  let operation: Operation
  /// The node of `operation`.
  let node: Int
  /// Nodes whose results are read, except the residual.
  let inputs: [Int]
  var epilogue = Epilogue()
  /// The last node that the step computes; its result is the step's.
  var output: Int

  /// All nodes whose results are read.
  var reads: [Int] { inputs + (epilogue.residual.map { [$0] } ?? []) }
}

/// A run of steps and the number of images that pass through it at a time.
///
/// Early maps are large: with few images they stay in the cache. Late weights are large: many images share a
/// read.
struct Stage: Sendable, Equatable {
  var steps: Range<Int>
  var images: Int
  /// The only node that later stages read.
  var output: Int
}

extension Plan {
  /// Divides the first `end` steps into stages, between steps where only one map is passed on.
  /// - Parameters:
  ///   - sizes: Every node's map size.
  ///   - budget: Floats for the maps in use.
  ///   - mostImages: Images at a time where maps are small.
  func stages(end: Int, sizes: [MapSize], budget: Int, mostImages: Int = Self.mostImages) -> [Stage] {
    var stages: [Stage] = []
    var live: Set<Int> = [0]
    var (first, peak) = (0, 0)
    for index in 0..<end {
      live.insert(steps[index].output)
      peak = max(peak, live.reduce(0) { $0 + sizes[$1].count })
      live.subtract(released[index])
      guard live.count == 1 || index == end - 1 else { continue }
      var stage = Stage(
        steps: first..<index + 1, images: min(max(budget / max(peak, 1), 1), mostImages),
        output: live.first ?? steps[index].output)
      while let last = stages.last, stage.images < 2 * last.images {
        stage.steps = last.steps.lowerBound..<stage.steps.upperBound
        stage.images = min(last.images, stage.images)
        stages.removeLast()
      }
      stages.append(stage)
      (first, peak) = (index + 1, 0)
    }
    return stages
  }

  static let mostImages = 32
}

/// A channel range of a concatenation's map, in which one of its inputs is computed in place instead of being
/// copied.
struct Place: Sendable, Equatable {
  /// The concatenation, which itself lies in no other.
  let owner: Int
  let channel: Int
}

extension Place {
  /// The places of all nodes computed within another map.
  static func all(_ steps: [PlanStep], _ graph: Graph, readers: [[Int]]) -> [Int: Place] {
    var producers: [Int: PlanStep] = [:]
    for step in steps { producers[step.output] = step }
    /// Kernels take the residual in the layout of the output, and fully connected layers read a map as one
    /// row.
    func mayMove(_ node: Int) -> Bool {
      guard node != graph.output, let producer = producers[node], producer.epilogue.residual == nil else {
        return false
      }
      return readers[node].allSatisfy { index in
        if case .linear = steps[index].operation { return false }
        return steps[index].epilogue.residual != node
      }
    }
    var places: [Int: Place] = [:]
    // From the last on, so that nested concatenations (DenseNet's) all lie in the outermost.
    for step in steps.reversed() {
      guard case .concatenate = step.operation else { continue }
      let whole = places[step.output] ?? Place(owner: step.output, channel: 0)
      var channel = whole.channel
      for input in step.inputs {
        if mayMove(input) && places[input] == nil {
          places[input] = Place(owner: whole.owner, channel: channel)
        }
        channel += graph.nodes[input].channels
      }
    }
    return places
  }
}
