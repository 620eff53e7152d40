import Checkpoint
import Platform

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
  /// Height and width of patches that an input must divide into.
  package var patchSize = 1
  /// The only height and width that layers have weights for; nil takes others too.
  package var onlySize: Int?
  /// The size of input that an imported network is described for; nil takes others too.
  package var describedSize: MapSize?
  /// True if the nodes are those that BatchNorms are computed from, so that the output is no result of the network.
  package var isPartial = false

  package var batchNorms: [BatchNormLayer] {
    nodes.compactMap { node in
      if case .batchNorm(let layer) = node.operation { layer } else { nil }
    }
  }

  /// Floats after the end of a map that a convolution may read: the pixels that fill up its last tile.
  package var readAhead: Int {
    // Pixels may be as far apart as those of the widest map, where maps are parts of it.
    let sharesMaps = nodes.contains { node in
      switch node.operation {
      case .concatenate, .slice: true
      default: false
      }
    }
    let widest = nodes.map(\.channels).max() ?? 0
    return nodes.map { node in
      guard case .convolution(let convolution) = node.operation else { return 0 }
      return 14 * convolution.window.stride.width * (sharesMaps ? widest : convolution.inputChannels)
    }.max() ?? 0
  }
}

extension Graph {
  /// The graph without nodes that do not contribute to the output; the input stays.
  ///
  /// - Parameter others: Nodes that stay as well, with all that they are computed from.
  package func pruned(keeping others: [Int] = []) -> Graph {
    var needed = Array(repeating: false, count: nodes.count)
    for index in [0, output] + others { needed[index] = true }
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

/// A BatchNorm of a network: y = (x - mean) / sqrt(variance + eps) * weight + bias per channel.
///
/// Ioffe, Szegedy: "Batch Normalization" (2015). The running statistics are those of the checkpoint unless
/// others are passed to the forward pass.
public struct BatchNormLayer: Sendable, Hashable {
  /// The module's name in the state dict, for example `layer1.0.bn1`.
  public let name: String
  /// Number of channels.
  public let channels: Int
  /// Added to the variance before the square root; defined by the family, since a state dict does not contain
  /// it.
  public let eps: Double
  /// Weight of the newest batch in the running statistics; defined by the family.
  public let momentum: Double
  /// Position in the network's graph.
  public internal(set) var nodeIndex: Int

  /// Key of the scale, absent from the state dict where the layer has none.
  public let weightKey: TensorName
  /// Key of the shift, absent from the state dict where the layer has none.
  public let biasKey: TensorName
  /// Key of the running mean.
  public let runningMeanKey: TensorName
  /// Key of the running variance.
  public let runningVarKey: TensorName
  /// Key of the step counter, absent from old checkpoints.
  public var numBatchesTrackedKey: TensorName { TensorName(name + ".num_batches_tracked") }

  /// - Parameter keys: Keys of scale, shift, mean and variance, where they are not PyTorch's.
  package init(
    name: String, channels: Int, eps: Double, momentum: Double, nodeIndex: Int,
    keys: (weight: TensorName, bias: TensorName, mean: TensorName, variance: TensorName)? = nil
  ) {
    self.name = name
    self.channels = channels
    self.eps = eps
    self.momentum = momentum
    self.nodeIndex = nodeIndex
    weightKey = keys?.weight ?? TensorName(name + ".weight")
    biasKey = keys?.bias ?? TensorName(name + ".bias")
    runningMeanKey = keys?.mean ?? TensorName(name + ".running_mean")
    runningVarKey = keys?.variance ?? TensorName(name + ".running_var")
  }
}

/// Size of one image's map at some node.
package struct MapSize: Sendable, Equatable {
  package var height: Int
  package var width: Int
  package var channels: Int

  package init(height: Int, width: Int, channels: Int) {
    self.height = height
    self.width = width
    self.channels = channels
  }

  package var pixels: Int { height * width }
  package var count: Int { pixels * channels }
}

extension Graph {
  /// The size of every node's map for an input of the given size, checked before any arithmetic.
  package func sizes(height: Int, width: Int) throws(NetworkError) -> [MapSize] {
    guard height % sizeDivisor == 0, width % sizeDivisor == 0 else {
      throw NetworkError.inputNotDivisible(height: height, width: width, divisor: sizeDivisor)
    }
    guard height % patchSize == 0, width % patchSize == 0 else {
      throw NetworkError.inputNotOfPatches(height: height, width: width, patch: patchSize)
    }
    if let onlySize {
      guard height == onlySize, width == onlySize else {
        throw NetworkError.inputOfOtherSize(height: height, width: width, only: onlySize)
      }
    }
    if let only = describedSize {
      guard height == only.height, width == only.width else {
        throw NetworkError.inputOfOtherExport(
          height: height, width: width, onlyHeight: only.height, onlyWidth: only.width)
      }
    }
    var sizes: [MapSize] = []
    sizes.reserveCapacity(nodes.count)
    for node in nodes {
      let inputs = node.inputs.map { sizes[$0] }
      guard let size = Self.size(of: node, inputs: inputs, height: height, width: width) else {
        if case .spaceWindows(let windows) = node.operation {
          throw NetworkError.inputOfOtherWindows(
            height: height, width: width, layer: node.name, side: windows.side)
        }
        throw NetworkError.inputTooSmall(height: height, width: width, layer: node.name)
      }
      sizes.append(size)
    }
    return sizes
  }

  /// The size of a node's map given those of its inputs, or nil where they do not fit or the map is empty.
  package static func size(of node: Node, inputs: [MapSize], height: Int, width: Int) -> MapSize? {
    func slide(_ window: Window) -> MapSize? {
      window.geometry(height: inputs[0].height, width: inputs[0].width).map {
        MapSize(height: $0.outputHeight, width: $0.outputWidth, channels: node.channels)
      }
    }
    switch node.operation {
    case .input:
      return height > 0 && width > 0 ? MapSize(height: height, width: width, channels: node.channels) : nil
    case .convolution(let convolution): return slide(convolution.window)
    case .maxPool(let window), .averagePool(let window, _): return slide(window)
    case .globalAverage, .globalMax: return MapSize(height: 1, width: 1, channels: node.channels)
    case .adaptiveAverage(let height, let width):
      return MapSize(height: height, width: width, channels: node.channels)
    case .linear(let linear):
      guard inputs[0].height == linear.height, inputs[0].width == linear.width else { return nil }
      return MapSize(height: 1, width: 1, channels: node.channels)
    case .batchNorm, .activation, .slice, .shuffle, .affine, .function, .reorder, .sumOfGroups:
      return MapSize(height: inputs[0].height, width: inputs[0].width, channels: node.channels)
    case .gate:
      return inputs[1].pixels == 1 ? inputs[0] : nil
    case .pad(let margins):
      let (rows, columns) = (inputs[0].height, inputs[0].width)
      guard margins.fit(rows: rows, columns: columns) else { return nil }
      return MapSize(
        height: rows + margins.top + margins.bottom, width: columns + margins.left + margins.right,
        channels: node.channels)
    case .spaceToDepth(let rows, let columns):
      guard inputs[0].height % rows == 0, inputs[0].width % columns == 0 else { return nil }
      return MapSize(
        height: inputs[0].height / rows, width: inputs[0].width / columns, channels: node.channels)
    case .depthToSpace(let rows, let columns):
      guard inputs[0].channels == node.channels * rows * columns else { return nil }
      return MapSize(
        height: inputs[0].height * rows, width: inputs[0].width * columns, channels: node.channels)
    case .enlarge(let rows, let columns):
      return MapSize(
        height: inputs[0].height * rows, width: inputs[0].width * columns, channels: node.channels)
    case .acrossChannels: return inputs[0].pixels == 1 ? inputs[0] : nil
    case .softmax: return inputs[0]
    case .mask:
      guard inputs[0].height == inputs[1].height, inputs[0].width == inputs[1].width else { return nil }
      return inputs[0]
    case .layerNorm, .globalResponseNorm, .attention, .embed, .tokens, .mergePatches, .spaceWindows,
      .joinWindows:
      return size(ofTokens: node, inputs: inputs)
    case .crossAttention, .rotate, .crossCovariance, .linearAttention, .groupNorm, .parameter, .transpose,
      .joinTokens, .gridOfTokens, .wavePositions:
      return size(ofMixing: node, inputs: inputs)
    case .transposedConvolution, .resample, .subsample:
      return size(ofSpatial: node, inputs: inputs)
    case .arrange, .takeRows, .product, .stridedAttention, .softmaxOfChannels, .reduceChannels, .select:
      return size(ofStrided: node, inputs: inputs)
    case .add, .multiply, .concatenate:
      guard inputs.allSatisfy({ $0.height == inputs[0].height && $0.width == inputs[0].width }) else {
        return nil
      }
      return MapSize(height: inputs[0].height, width: inputs[0].width, channels: node.channels)
    }
  }

  /// Multiply-adds of convolutions, fully connected layers and attention for one image; no more than 2^56, which nobody waits for.
  package func multiplyAdds(height: Int, width: Int) throws(NetworkError) -> Int {
    let largest = 1 << 56
    var total = 0
    let sizes = try sizes(height: height, width: width)
    for (node, size) in zip(nodes, sizes) {
      let product: Int? =
        switch node.operation {
        case .convolution(let convolution): size.count.multiplied(exactlyBy: convolution.depth)
        case .linear(let linear): linear.inputs.multiplied(exactlyBy: linear.outputChannels)
        case .transposedConvolution(let convolution):
          sizes[node.inputs[0]].count.multiplied(exactlyBy: convolution.reach)
        case .attention(let attention): Self.multiplyAdds(attention, size: size)
        case .product, .stridedAttention:
          Self.multiplyAdds(ofStrided: node, size: size)
        default: Self.multiplyAdds(of: node, sizes: sizes)
        }
      total = min(total + min(product ?? largest, largest), largest)
    }
    return total
  }
}
