import Checkpoint
import NetworkGraphs
import TensorMath

/// The tensors behind a cut and the layers that read them.
struct LayerGradients {
  /// Tensors in execution order, trained or not.
  private(set) var tensors: [TrainableTensor] = []
  private(set) var batchNorms: [BatchNormGradient] = []
  private(set) var layers: [Int: any LayerGradient] = [:]

  private let description: NetworkDescription
  private let trained: Set<TensorName>
  private let classes: Int
  private var places: [TensorName: Int] = [:]

  /// - Parameters:
  ///   - cut: The tuned part.
  ///   - classes: Outputs of the classifier, which may be a new one.
  ///   - statistics: Of all BatchNorms of the network.
  ///   - dropPath: Probability with which the residual branch of the last block is left out in training.
  /// - Throws: `NetworkError.notDifferentiable`; errors of reading.
  init(
    _ description: NetworkDescription, _ cut: NetworkCut, classes: Int, statistics: [RunningStatistics],
    dropPath: Double
  ) throws {
    self.description = description
    self.classes = classes
    trained = Set(cut.trained)
    let rates = BranchRates(description.graph, largest: dropPath)
    for node in cut.nodes {
      layers[node] = try layer(node, statistics: statistics, rates: rates)
    }
  }

  private mutating func layer(
    _ index: Int, statistics: [RunningStatistics], rates: BranchRates
  ) throws -> any LayerGradient {
    let graph = description.graph
    let node = graph.nodes[index]
    let channels = node.inputs.map { graph.nodes[$0].channels }
    switch node.operation {
    case .convolution(let convolution):
      if convolution.standardization != nil { throw unsupported(node, "weight standardization") }
      let weight = try tensor(convolution.weight, isMatrix: true)
      let bias = try convolution.bias.map { try tensor($0) }
      let isDepthwise =
        convolution.groups == convolution.inputChannels && convolution.groups == convolution.outputChannels
      return isDepthwise && convolution.groups > 1
        ? DepthwiseGradient(convolution, weight: weight, bias: bias)
        : ConvolutionGradient(convolution, weight: weight, bias: bias)
    case .linear(let linear):
      let isHead = index == graph.output
      // A classifier is tuned as [classes, channels], however it is stored.
      let shape = isHead ? [classes, linear.inputs] : nil
      let isTransposed = linear.isTransposed && !isHead
      let weight = try tensor(linear.weight, isMatrix: true, shape: shape)
      let bias = try linear.bias.map { try tensor($0, shape: isHead ? [classes] : nil) }
      return LinearGradient(
        linear, weight: weight, bias: bias, outputs: isHead ? classes : linear.outputChannels,
        isTransposed: isTransposed)
    case .batchNorm(let layer):
      let number = graph.batchNorms.firstIndex { $0.nodeIndex == index }!
      let norm = BatchNormGradient(
        layer, statistics[number], gamma: try optional(layer.weightKey), beta: try optional(layer.biasKey))
      batchNorms.append(norm)
      return norm
    case .activation(let activation): return ActivationGradient(activation)
    case .add: return SumGradient(node: index, branch: rates.branch(of: index), rate: rates.rate(of: index))
    case .multiply: return ProductGradient()
    case .gate: return GateGradient()
    case .affine(let factors):
      return AffineGradient(
        scale: try factors.scale.map { try values($0, node) },
        shift: try factors.shift.map { try values($0, node) })
    case .concatenate: return RearrangementGradient(concatenating: channels)
    case .slice(let range):
      return RearrangementGradient([.init(from: range.lowerBound, to: 0, count: range.count)])
    case .shuffle(let groups):
      let perGroup = node.channels / groups
      return RearrangementGradient(order: (0..<node.channels).map { $0 % groups * perGroup + $0 / groups })
    case .reorder(let order): return RearrangementGradient(order: order)
    case .tokens(let range):
      return RearrangementGradient(
        [.init(from: 0, to: 0, count: node.channels)], firstPixel: range.lowerBound)
    case .maxPool(let window): return MaxPoolGradient(window)
    case .averagePool(let window, let countsPadding):
      return MeanPoolGradient.sliding(window, countsPadding: countsPadding)
    case .globalAverage: return MeanPoolGradient.whole()
    case .adaptiveAverage: return MeanPoolGradient.grid()
    case .layerNorm(let norm):
      return LayerNormGradient(
        norm, weight: try norm.weight.map { try tensor($0) }, bias: try norm.bias.map { try tensor($0) })
    case .globalResponseNorm(let norm):
      return ResponseNormGradient(norm, weight: try tensor(norm.weight), bias: try tensor(norm.bias))
    case .attention(let attention) where attention.windows == nil && attention.scores == .scaled:
      return AttentionGradient(heads: attention.heads)
    default:
      let kind = "\(node.operation)".utf8.prefix { $0 != UInt8(ascii: "(") }
      throw unsupported(node, "the operation \(String(Substring(kind))) has no gradient")
    }
  }

  private func unsupported(_ node: Graph.Node, _ reason: String) -> NetworkError {
    .notDifferentiable(layer: node.name, operation: reason, architecture: description.architectureName)
  }

  private mutating func values(_ values: ChannelFactors.Values, _ node: Graph.Node) throws
    -> AffineGradient.Values
  {
    switch values {
    case .tensor(let key): return .tensor(try tensor(key))
    case .constants(let numbers): return .constants(numbers)
    case .constant(let number): return .constants([number])
    case .parts: throw unsupported(node, "a scale of several tensors has no gradient")
    }
  }

  /// A tensor that the checkpoint need not have.
  private mutating func optional(_ name: TensorName) throws -> TrainableTensor? {
    description.weights.contains(name.string) ? try tensor(name) : nil
  }

  /// A tensor that several layers may read, with the checkpoint's elements.
  ///
  /// - Parameter shape: Shape of a classifier, whose elements the caller sets.
  private mutating func tensor(_ name: TensorName, isMatrix: Bool = false, shape: [Int]? = nil) throws
    -> TrainableTensor
  {
    if let place = places[name] { return tensors[place] }
    let own = description.weights.shape(name.string) ?? []
    let value =
      if let shape { Tensor(shape: shape) } else {
        Tensor(shape: own, values: try description.weights.floats(name))
      }
    let result = TrainableTensor(name, value, isTrained: trained.contains(name), isMatrix: isMatrix)
    places[name] = tensors.count
    tensors.append(result)
    return result
  }
}

/// The residual branches of a graph, and how often stochastic depth leaves them out: linearly more often from the first
/// block, which stays, to the last (Huang et al. 2016).
private struct BranchRates {
  private let graph: Graph
  private let blocks: [NetworkBlock]
  private let largest: Double

  init(_ graph: Graph, largest: Double) {
    self.graph = graph
    blocks = largest > 0 ? graph.blocks : []
    self.largest = largest
  }

  /// Rate of the sum `node`, which belongs to the last block that has begun.
  func rate(of node: Int) -> Double {
    guard blocks.count > 1, let block = blocks.lastIndex(where: { $0.nodes.lowerBound <= node }) else {
      return largest
    }
    return largest * Double(block) / Double(blocks.count - 1)
  }

  /// Input of the sum `node` that is the branch; nil where no input is a shortcut.
  ///
  /// A shortcut is the other input's ancestor, or fewer weighted sums away from where both begin.
  func branch(of node: Int) -> Int? {
    let inputs = graph.nodes[node].inputs
    guard largest > 0, inputs.count == 2, inputs[0] != inputs[1] else { return nil }
    let (first, second) = (ancestors(inputs[0]), ancestors(inputs[1]))
    if first.contains(inputs[1]) { return 0 }
    if second.contains(inputs[0]) { return 1 }
    func sums(_ own: Set<Int>, _ other: Set<Int>) -> Int {
      own.subtracting(other).count {
        if case .convolution = graph.nodes[$0].operation { true } else { false }
      }
    }
    let (a, b) = (sums(first, second), sums(second, first))
    return a == b ? nil : a > b ? 0 : 1
  }

  /// The node and everything that it depends on.
  private func ancestors(_ node: Int) -> Set<Int> {
    var found: Set<Int> = [node]
    var open = [node]
    while let next = open.popLast() {
      for input in graph.nodes[next].inputs where found.insert(input).inserted { open.append(input) }
    }
    return found
  }
}
