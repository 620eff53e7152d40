import Checkpoint

extension Operation {
  /// Tensors that the operation reads, in a fixed order; a BatchNorm's statistics are not among them.
  package var tensors: [TensorName] {
    switch self {
    case .convolution(let convolution):
      [convolution.weight, convolution.bias, convolution.standardization?.gain].compactMap { $0 }
    case .transposedConvolution(let convolution):
      [convolution.weight, convolution.bias].compactMap { $0 }
    case .batchNorm(let layer): [layer.weightKey, layer.biasKey]
    case .linear(let linear): [linear.weight, linear.bias].compactMap { $0 }
    case .affine(let factors): (factors.scale?.tensors ?? []) + (factors.shift?.tensors ?? [])
    case .function(.parametricRelu(let slopes)): slopes.tensors
    case .acrossChannels(let weight, _, _): [weight]
    case .layerNorm(let norm): [norm.weight, norm.bias].compactMap { $0 }
    case .groupNorm(let norm): [norm.weight, norm.bias].compactMap { $0 }
    case .globalResponseNorm(let norm): [norm.weight, norm.bias]
    case .attention(let attention): attention.tensors
    case .embed(let embedding): embedding.prefix + [embedding.positions].compactMap { $0 }
    case .crossAttention(let attention): attention.tensors
    case .crossCovariance(let attention):
      if case .temperature(let key) = attention.factor { [key] } else { [] }
    case .rotate(let rotation): if case .mixed(let key, _) = rotation.angles { [key] } else { [] }
    case .parameter(let key, _): [key]
    default: []
    }
  }

  /// True for layers of weighted sums, which make up a block.
  var isProduct: Bool {
    switch self {
    case .convolution, .transposedConvolution, .linear: true
    default: false
    }
  }
}

extension ChannelFactors.Values {
  fileprivate var tensors: [TensorName] {
    switch self {
    case .tensor(let key): [key]
    case .parts(let parts): parts.compactMap(\.tensor)
    case .constant, .constants: []
    }
  }
}

extension Attention {
  fileprivate var tensors: [TensorName] {
    var names: [TensorName] = []
    if case .cosine(let key) = scores { names.append(key) }
    return names + (windows?.bias.tensors ?? [])
  }
}

extension CrossAttention {
  fileprivate var tensors: [TensorName] {
    var names: [TensorName] = []
    switch bias?.kind {
    case .distancesAndClass(let key), .absoluteDistances(let key): names.append(key)
    case .relative(let bias, _): names += bias.tensors
    case .offsets(let weight, let bias): names += [weight, bias]
    case nil: break
    }
    if let positions { names += [positions.rows, positions.columns] }
    for mixing in talking.map({ [$0.before, $0.after] }) ?? [] { names += [mixing.weight, mixing.bias] }
    return names
  }
}

extension AttentionWindows.Bias {
  fileprivate var tensors: [TensorName] {
    switch self {
    case .table(let key), .tableByHead(let key), .absoluteDistances(let key, _): [key]
    case .network(let hidden, let hiddenBias, let output, _): [hidden, hiddenBias, output]
    case .linearNetwork(let hidden, let hiddenBias, let output, let outputBias):
      [hidden, hiddenBias, output, outputBias]
    case .zero: []
    }
  }
}
