import Checkpoint
import NetworkGraphs
import TensorMath

/// The tail of a network: last BatchNorm, sum with the shortcut, activation, pooling and classifier.
public struct ClassifierTail: Sendable, Hashable {
  /// Reduction of the last map to the classifier's input.
  public enum Pooling: String, Sendable, Hashable {
    /// The mean over all pixels.
    case globalAverage
    /// Another reduction; features end at the classifier's input.
    case other
  }

  /// The classifier's name in the state dict, for example `fc`.
  public let name: String
  /// Key of the classifier's weight, `[classes, featureCount]`.
  public let weightKey: TensorName
  /// True if that weight is stored as `[featureCount, classes]`.
  public let isTransposed: Bool
  /// Key of the classifier's bias, `[classes]`; nil without a bias.
  public let biasKey: TensorName?
  /// Number of inputs of the classifier.
  public let featureCount: Int
  /// Reduction of the last map to the classifier's input.
  public let pooling: Pooling
  /// The nonlinearity between the last BatchNorm and the pooling.
  public let activation: Activation
  /// The BatchNorm that reaches the pooling through nothing but a sum and the activation; nil where other
  /// arithmetic comes in between.
  public let lastBatchNorm: BatchNormLayer?
  /// True if a residual is added after the last BatchNorm.
  public let hasResidual: Bool
  /// The LayerNorm between which and the classifier there is nothing but pooling; nil where there is none.
  public let lastLayerNorm: LayerNormLayer?

  /// Step of the last BatchNorm.
  let stepIndex: Int?
  /// Node that the classifier reads.
  let inputNode: Int
  /// Step of the classifier.
  let classifierStep: Int
}

/// A LayerNorm of a network: y = (x - mean) / sqrt(variance + eps) * weight + bias over the channels of a pixel or token.
public struct LayerNormLayer: Sendable, Hashable {
  /// The module's name in the state dict, for example `norm` or `head.norm`.
  public let name: String
  /// Key of the scale.
  public let weightKey: TensorName
  /// Key of the shift; nil without one.
  public let biasKey: TensorName?
  /// Node of the graph.
  let node: Int
}

extension ClassifierTail {
  init?(_ plan: Plan) {
    let steps = plan.steps
    guard let classifier = steps.indices.last(where: { steps[$0].output == plan.graph.output }),
      case .linear(let linear) = steps[classifier].operation, linear.height * linear.width == 1
    else { return nil }
    name = steps[classifier].name
    weightKey = linear.weight
    isTransposed = linear.isTransposed
    biasKey = linear.bias
    featureCount = linear.inputs
    inputNode = steps[classifier].inputs[0]
    classifierStep = classifier

    func producer(_ node: Int) -> Int? { steps.firstIndex { $0.output == node } }
    if let pooling = producer(inputNode), case .globalAverage = steps[pooling].operation,
      let last = producer(steps[pooling].inputs[0]), let index = steps[last].epilogue.batchNorm
    {
      self.pooling = .globalAverage
      activation = steps[last].epilogue.activation
      lastBatchNorm = plan.graph.batchNorms[index]
      hasResidual = steps[last].epilogue.residual != nil
      stepIndex = last
      lastLayerNorm = nil
    } else {
      pooling = .other
      activation = .identity
      lastBatchNorm = nil
      hasResidual = false
      stepIndex = nil
      // Pooling is linear and leaves channels alone, so scale and shift may as well follow it.
      var node = inputNode
      while let index = producer(node), steps[index].poolsTokens { node = steps[index].inputs[0] }
      lastLayerNorm =
        plan.readers[node].count == 1 ? producer(node).flatMap { LayerNormLayer(steps[$0]) } : nil
    }
  }
}

extension PlanStep {
  /// True if the step takes the mean of tokens, or some of them.
  fileprivate var poolsTokens: Bool {
    switch operation {
    case .globalAverage, .tokens: epilogue.isEmpty
    default: false
    }
  }
}

extension LayerNormLayer {
  /// - Returns: nil for steps of other kinds, and for norms that have no scale of their own for every channel.
  fileprivate init?(_ step: PlanStep) {
    guard case .layerNorm(let norm) = step.operation, step.epilogue.isEmpty, norm.groups == 1,
      let weight = norm.weight
    else { return nil }
    self.init(name: step.name, weightKey: weight, biasKey: norm.bias, node: step.node)
  }
}

/// Inputs of the trainable tail of a network.
public struct TailFeatures: Sendable {
  /// Input of the last BatchNorm, `[n, h, w, c]`; without such a BatchNorm the classifier's input, `[n, 1, 1,
  /// c]`.
  public let input: Tensor
  /// The map that is added after the last BatchNorm, of the same shape.
  public let residual: Tensor?
}

extension Network {
  /// Results of inner layers, with running statistics. Layers after the last of them are not computed.
  /// - Parameters:
  ///   - names: Layers by their modules' names in the checkpoint, for example `layer1.0.bn2`. A convolution's
  ///     result is the one before its BatchNorm, a BatchNorm's the one before the activation.
  ///   - input: `[n, h, w, channels]`, normalized as in training.
  /// - Returns: For every name `[n, h, w, channels]`.
  /// - Throws: `NetworkError.unknownNode`, `.wrongInput`, `.inputTooSmall`.
  public func features(of names: Set<String>, _ input: Tensor) throws -> [String: Tensor] {
    let nodes = try Dictionary(
      uniqueKeysWithValues: names.map { name in
        guard let node = plan.graph.nodes.lastIndex(where: { $0.name == name }) else {
          throw NetworkError.unknownNode(name, architecture: architectureName)
        }
        return (name, node)
      })
    let images = try imageCount(input)
    let sizes = try plan.graph.sizes(height: input.shape[1], width: input.shape[2])
    let keeping = Plan(plan.graph, keeping: Set(nodes.values))
    let steps = 0..<(keeping.steps.lastIndex { nodes.values.contains($0.output) }.map { $0 + 1 } ?? 0)
    let results = nodes.mapValues { node in
      Tensor(uninitialized: [images, sizes[node].height, sizes[node].width, sizes[node].channels])
    }
    let affines = runningAffines(for: keeping)
    for image in 0..<images {
      let executor = Executor(
        self, mode: .inference, affines: affines, images: 1, sizes: sizes, plan: keeping)
      executor.setInput(input, first: image)
      try executor.run(steps)
      for (name, node) in nodes {
        executor.map(node).copy(to: results[name]!.pointer + image * sizes[node].count)
      }
    }
    return results
  }
}
