import CNetworkKernels
import Checkpoint
import NetworkGraphs
import TensorMath

/// The weights of a network in the kernels' layout, packed once at load.
struct Parameters: Sendable {
  /// Indexed by node; present for convolutions and fully connected layers.
  private(set) var layers: [Int: LayerWeights] = [:]
  /// Scale and shift of every BatchNorm, in the order of the graph's.
  private(set) var norms: [(weight: [Float], bias: [Float], eps: Double)] = []
  /// Factors and summands of `affine`, `acrossChannels` and parametric functions, by node.
  private(set) var factors: [Int: (scale: [Float]?, shift: [Float]?)] = [:]
  /// Prefix tokens and position embeddings, by node.
  private(set) var embeddings: [Int: EmbeddingWeights] = [:]
  /// Relative positions of attention in windows, by node.
  private(set) var attentions: [Int: AttentionWeights] = [:]
  /// Position biases and head mixings of attention across maps, by node.
  private(set) var mixers: [Int: MixingWeights] = [:]

  /// - Parameters:
  ///   - kernels: Kernels that the weights are packed for.
  ///   - sums: Summation of 3x3 convolutions.
  ///   - precision: Number type of the products of dense convolutions.
  init(
    _ graph: Graph, _ state: StateDict, kernels: ck_layer_kernels, sums: ConvolutionSums,
    precision: ComputePrecision
  ) throws {
    for (index, node) in graph.nodes.enumerated() {
      switch node.operation {
      case .convolution(let convolution):
        layers[index] = try LayerWeights(
          convolution, state, kernels: kernels, sums: sums, precision: precision)
      case .linear(let linear): layers[index] = try LayerWeights(linear, state)
      case .transposedConvolution(let convolution): layers[index] = try LayerWeights(convolution, state)
      case .batchNorm(let layer):
        let weight = state.contains(layer.weightKey.string) ? try state.floats(layer.weightKey) : nil
        let bias = state.contains(layer.biasKey.string) ? try state.floats(layer.biasKey) : nil
        norms.append(
          (
            weight ?? Array(repeating: 1, count: layer.channels),
            bias ?? Array(repeating: 0, count: layer.channels), layer.eps
          ))
      case .affine(let values):
        factors[index] = (
          try values.scale.map { try floats($0, channels: node.channels, state) },
          try values.shift.map { try floats($0, channels: node.channels, state) }
        )
      case .function(.parametricRelu(let slopes)):
        factors[index] = (try floats(slopes, channels: node.channels, state), nil)
      case .layerNorm(let norm):
        factors[index] = (
          try norm.weight.map { try state.floats($0) }, try norm.bias.map { try state.floats($0) }
        )
      case .globalResponseNorm(let norm):
        factors[index] = (try state.floats(norm.weight), try state.floats(norm.bias))
      case .embed(let embedding):
        embeddings[index] = try EmbeddingWeights(embedding, channels: node.channels, state)
      case .attention(let attention):
        guard let windows = attention.windows else { continue }
        attentions[index] = try AttentionWeights(
          attention, windows, channels: node.channels,
          filling: windows.fillingBias.map { try floats($0, channels: 3 * node.channels, state) }, state)
      case .groupNorm(let norm):
        factors[index] = (
          try norm.weight.map { try state.floats($0) }, try norm.bias.map { try state.floats($0) }
        )
      case .parameter(let key, _): factors[index] = (try state.floats(key), nil)
      case .crossCovariance(let attention):
        if case .temperature(let key) = attention.factor { factors[index] = (try state.floats(key), nil) }
      case .crossAttention(let attention): mixers[index] = try MixingWeights(attention, state)
      case .rotate(let rotation):
        if case .mixed(let key, _) = rotation.angles { factors[index] = (try state.floats(key), nil) }
      case .acrossChannels(let weight, _, _): factors[index] = (try state.floats(weight), nil)
      default: break
      }
    }
  }

  /// A BatchNorm with the given statistics, and the bias of the convolution before it.
  func affine(_ index: Int, _ statistics: RunningStatistics, convolutionBias: [Float]? = nil) -> ChannelAffine
  {
    let norm = norms[index]
    return ChannelAffine(
      weight: norm.weight, bias: norm.bias, mean: statistics.mean, variance: statistics.variance,
      eps: norm.eps, convolutionBias: convolutionBias)
  }

  /// All BatchNorms with the given statistics in a plan's form: those that follow a convolution add its bias.
  func affines(of plan: Plan, _ statistics: [RunningStatistics]) -> [ChannelAffine] {
    var biases: [Int: [Float]] = [:]
    for step in plan.steps {
      guard let index = step.epilogue.batchNorm, case .convolution = step.operation else { continue }
      biases[index] = layers[step.node]?.bias
    }
    return statistics.indices.map { affine($0, statistics[$0], convolutionBias: biases[$0]) }
  }

  /// One number for each channel.
  private func floats(
    _ values: ChannelFactors.Values, channels: Int, _ state: StateDict
  ) throws -> [Float] {
    let floats =
      switch values {
      case .tensor(let key): try state.floats(key)
      case .constants(let numbers): numbers
      case .constant(let number): [number]
      case .parts(let parts):
        try parts.flatMap { part in
          try part.tensor.map { Array(try state.floats($0)[part.range]) }
            ?? Array(repeating: 0, count: part.range.count)
        }
      }
    return floats.count == 1 ? Array(repeating: floats[0], count: channels) : floats
  }
}

/// Weights and bias of one layer.
struct LayerWeights: Sendable {
  /// Algorithm of a convolution and layout of its weights.
  enum Method {
    /// By BLAS, from `[group][ky][kx][input][output]`.
    case product
    /// By our own tiles, from panels of output channels; small groups are merged into `groups` larger ones,
    /// with zero weights between different small groups.
    case tiles(groups: Int)
    /// In groups of a few channels, from `[ky][kx][input][output of any group]`.
    case narrow(width: Int)
    /// Channel by channel, from `[ky][kx][channel]`.
    case depthwise
    /// By our own tiles on numbers rounded to bfloat16, from panels of output channels.
    case bfloat16
    /// By our own tiles on transformed inputs, from transformed panels; tiles of `side` by `side` outputs.
    case winograd(side: Int)
  }

  /// A convolution's weight in the layout of its method, a fully connected layer's as
  /// `[output][y][x][input]`.
  let weight: Tensor
  let method: Method
  let bias: [Float]?

  /// Packs PyTorch's `[output][input][ky][kx]`.
  init(
    _ convolution: Convolution, _ state: StateDict, kernels: ck_layer_kernels, sums: ConvolutionSums,
    precision: ComputePrecision
  ) throws {
    var source = try state.floats(convolution.weight)
    if let standardization = convolution.standardization {
      try standardization.apply(to: &source, outputs: convolution.outputChannels, state)
    }
    bias = try convolution.bias.map { try state.floats($0) }
    let groups = convolution.groups
    let outputs = convolution.outputChannels / groups
    let inputs = convolution.inputChannels / groups
    let taps = convolution.window.kernel.height * convolution.window.kernel.width
    let packed = Tensor(uninitialized: [groups, taps, inputs, outputs])
    source.withUnsafeBufferPointer { source in
      var target = packed.pointer
      for group in 0..<groups {
        for tap in 0..<taps {
          for input in 0..<inputs {
            var from = (group * outputs * inputs + input) * taps + tap
            for output in 0..<outputs {
              target[output] = source[from]
              from += inputs * taps
            }
            target += outputs
          }
        }
      }
    }
    let width = kernels.panel_width
    if inputs == 1 && outputs == 1 {
      method = .depthwise
      weight = Tensor(uninitialized: [taps, groups])
      for tap in 0..<taps {
        for group in 0..<groups { weight.pointer[tap * groups + group] = packed.pointer[group * taps + tap] }
      }
    } else if inputs == outputs && inputs > 1 && kernels.widest_group % inputs == 0
      && kernels.widest_group > 0
      && groups * outputs % kernels.lanes == 0
    {
      method = .narrow(width: inputs)
      weight = Tensor(uninitialized: [taps, inputs, groups * outputs])
      for group in 0..<groups {
        for row in 0..<taps * inputs {
          (weight.pointer + (row * groups + group) * outputs).update(
            from: packed.pointer + (group * taps * inputs + row) * outputs, count: outputs)
        }
      }
    } else if precision == .bfloat16 && groups == 1 && inputs >= Self.fewestRoundedChannels {
      let panel = Int(CK_BF16_PANEL)
      let panels = (outputs + panel - 1) / panel
      method = .bfloat16
      weight = Tensor(uninitialized: [panels, ck_conv_bf16_panel(taps, inputs)])
      ck_conv_bf16_pack(weight.pointer, packed.pointer, taps, inputs, outputs)
    } else if width == 0 {
      method = .product
      weight = packed
    } else if groups == 1, let largest = sums.tileSide, convolution.suitsWinograd {
      // Layers of many channels have small maps: large tiles save them little and quadruple the size of their
      // weights, which dominates for few images.
      let side = inputs * outputs < 256 * 256 ? largest : min(largest, 2)
      method = .winograd(side: side)
      weight = Tensor(
        uninitialized: [(outputs + width - 1) / width, (side + 2) * (side + 2), inputs, width])
      ck_winograd_pack(weight.pointer, packed.pointer, side, inputs, outputs, width)
    } else {
      var joined = max(1, min(groups, width / outputs))
      while groups % joined != 0 { joined -= 1 }
      let blocks = joined == 1 ? packed : Self.join(packed, by: joined)
      let (depth, count) = (taps * inputs * joined, outputs * joined)
      method = .tiles(groups: groups / joined)
      weight = Tensor(uninitialized: [groups / joined, (count + width - 1) / width, depth, width])
      for group in 0..<groups / joined {
        ck_conv_pack(
          weight.pointer + group * weight.count / (groups / joined), blocks.pointer + group * depth * count,
          depth,
          count, width)
      }
    }
  }

  /// With fewer input channels, such as an image's, most products would be with zeros.
  private static let fewestRoundedChannels = 16

  /// Merges every `joined` groups of `[group][tap][input][output]` into one, with zeros between different
  /// groups.
  private static func join(_ weights: Tensor, by joined: Int) -> Tensor {
    let (groups, taps, inputs, outputs) = (
      weights.shape[0], weights.shape[1], weights.shape[2], weights.shape[3]
    )
    let result = Tensor(shape: [groups / joined, taps, joined * inputs, joined * outputs])
    var from = weights.pointer
    for group in 0..<groups {
      let (block, position) = (group / joined, group % joined)
      for tap in 0..<taps {
        for input in 0..<inputs {
          let row = (block * taps + tap) * joined * inputs + position * inputs + input
          (result.pointer + row * joined * outputs + position * outputs).update(from: from, count: outputs)
          from += outputs
        }
      }
    }
    return result
  }

  /// Packs PyTorch's `[output][input][y][x]`, the order in which it flattens a map.
  init(_ linear: Linear, _ state: StateDict) throws {
    let source = try state.floats(linear.weight)
    method = .product
    bias = try linear.bias.map { try state.floats($0) }
    let pixels = linear.height * linear.width
    guard pixels > 1 || linear.isTransposed else {
      weight = Tensor(shape: [linear.outputChannels, linear.inputs], values: source)
      return
    }
    let packed = Tensor(uninitialized: [linear.outputChannels, linear.inputs])
    source.withUnsafeBufferPointer { source in
      var target = packed.pointer
      for output in 0..<linear.outputChannels {
        for pixel in 0..<pixels {
          var from =
            linear.isTransposed ? pixel * linear.outputChannels + output : output * linear.inputs + pixel
          for input in 0..<linear.inputChannels {
            target[input] = source[from]
            from += linear.isTransposed ? pixels * linear.outputChannels : pixels
          }
          target += linear.inputChannels
        }
      }
    }
    weight = packed
  }
}

extension WeightStandardization {
  /// Standardizes every output's weights, with moments in float64.
  fileprivate func apply(to weights: inout [Float], outputs: Int, _ state: StateDict) throws {
    let gains = try gain.map { try state.floats($0) }
    let count = weights.count / outputs
    for output in 0..<outputs {
      let range = output * count..<(output + 1) * count
      let mean = weights[range].reduce(0.0) { $0 + Double($1) } / Double(count)
      let variance =
        weights[range].reduce(0.0) { $0 + (Double($1) - mean) * (Double($1) - mean) } / Double(count)
      let factor = Double(scale) * Double(gains?[output] ?? 1) / (variance + Double(eps)).squareRoot()
      for index in range { weights[index] = Float((Double(weights[index]) - mean) * factor) }
    }
  }
}

extension Convolution {
  /// True if Winograd's transforms cost less than they save.
  fileprivate var suitsWinograd: Bool {
    window.kernel == (3, 3) && window.stride == (1, 1) && window.dilation == (1, 1) && inputChannels >= 32
      && outputChannels >= 32
  }
}
