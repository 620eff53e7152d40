import Checkpoint

/// Layers that mix tokens, and their parts.
extension GraphBuilder {
  /// Normalization of every pixel or token.
  enum Norm: String {
    case layer = "LayerNorm"
    /// Without subtraction of the mean.
    case rootMeanSquare = "RmsNorm"
  }

  /// The LayerNorm or RMSNorm `name`, whose shift may be missing.
  ///
  /// - Parameter groups: Ranges of channels that are normalized each on its own with the same weights.
  mutating func norm(
    _ x: Value, _ name: String, _ kind: Norm = .layer, eps: Double, groups: Int = 1
  ) throws -> Value {
    let channels = x.channels / max(groups, 1)
    let bias = name + ".bias"
    let norm = LayerNorm(
      weight: try require(name + ".weight", shape: [channels]).name,
      bias: state.contains(bias) ? try require(bias, shape: [channels]).name : nil, eps: Float(eps),
      keepsMean: kind == .rootMeanSquare, groups: groups)
    return append(name, .layerNorm(norm), [x], channels: x.channels)
  }

  /// The GroupNorm `name`.
  mutating func groupNorm(_ x: Value, _ name: String, groups: Int = 1, eps: Double) throws -> Value {
    let norm = GroupNorm(
      groups: groups, weight: try require(name + ".weight", shape: [x.channels]).name,
      bias: state.contains(name + ".bias") ? try require(name + ".bias", shape: [x.channels]).name : nil,
      eps: Float(eps))
    return append(name, .groupNorm(norm), [x], channels: x.channels)
  }

  /// The filter response normalization `name`, and the largest of its result and learned thresholds.
  mutating func responseNorm(_ x: Value, _ name: String, eps: Double) throws -> Value {
    let norm = GroupNorm(
      groups: x.channels, weight: try require(name + ".weight", shape: [x.channels]).name,
      bias: try require(name + ".bias", shape: [x.channels]).name, eps: Float(eps), form: .rootMeanSquare)
    let y = append(name, .groupNorm(norm), [x], channels: x.channels)
    let threshold = try require(name + ".tau", shape: [x.channels]).name
    let thresholds = append(name + ".tau", .parameter(threshold, count: 1), [x], channels: x.channels)
    let difference = append(
      "subtract", .add, [y, stretched(scale(thresholds, by: -1), like: y)], channels: x.channels)
    return shift(activation(difference, .relu), by: .tensor(threshold))
  }

  /// An error about heads of attention that are not as wide as each other.
  func unshared(_ channels: Int, heads: Int) -> NetworkError {
    .otherArchitecture(
      label: state.label, requested: architecture,
      found: "\(channels) channels, which \(heads) heads do not share")
  }

  /// Attention of queries to keys and values of other tokens.
  mutating func attention(
    _ q: Value, _ k: Value, _ v: Value, _ name: String, _ attention: CrossAttention
  ) throws -> Value {
    let (heads, keyHeads) = (attention.heads, attention.keyHeads)
    guard heads > 0, keyHeads > 0, heads % keyHeads == 0, q.channels % heads == 0,
      k.channels * heads == q.channels * keyHeads, v.channels % keyHeads == 0
    else { throw unshared(q.channels, heads: heads) }
    return append(
      name + ".attention", .crossAttention(attention), [q, k, v], channels: v.channels / keyHeads * heads)
  }

  /// Attention of the first token to all, with the layers `q`, `k`, `v` and `proj` of `name`.
  mutating func classAttention(_ x: Value, _ name: String, heads: Int) throws -> Value {
    let q = try pointwise(tokens(x, 0..<1), name + ".q")
    let (k, v) = (try pointwise(x, name + ".k"), try pointwise(x, name + ".v"))
    let scale = 1 / Float(q.channels / max(heads, 1)).squareRoot()
    return try pointwise(
      attention(q, k, v, name, CrossAttention(heads: heads, scale: scale)), name + ".proj",
      outputs: x.channels)
  }

  /// Channels [head][query, key, value][channel of the head] as [query, key, value][head][channel of the head].
  mutating func headsLast(_ qkv: Value, heads: Int) -> Value {
    let width = qkv.channels / 3 / max(heads, 1)
    let order = (0..<3).flatMap { part in
      (0..<heads).flatMap { head in (0..<width).map { (3 * head + part) * width + $0 } }
    }
    return append("heads", .reorder(order), [qkv], channels: qkv.channels)
  }

  /// Channels [head][part][channel of the part] as a map for each part, [head][channel of the part].
  ///
  /// - Parameter widths: Channels of the parts of a head.
  mutating func headParts(_ x: Value, heads: Int, widths: [Int]) -> [Value] {
    let each = widths.reduce(0, +)
    var order: [Int] = []
    var first = 0
    for width in widths {
      for head in 0..<heads { order += (0..<width).map { head * each + first + $0 } }
      first += width
    }
    let sorted = append("heads", .reorder(order), [x], channels: x.channels)
    var begin = 0
    return widths.map { width in
      begin += heads * width
      return slice(sorted, begin - heads * width..<begin)
    }
  }

  /// Every channel times a factor of its own, plus a summand of its own.
  mutating func affine(_ x: Value, scale: String, shift: String) throws -> Value {
    let factors = ChannelFactors(
      scale: .tensor(try channelVector(scale, x)), shift: .tensor(try channelVector(shift, x)))
    return append(scale, .affine(factors), [x], channels: x.channels)
  }

  /// All channels times one learned number, a tensor without axes.
  mutating func scale(_ x: Value, by key: String) throws -> Value {
    let factors = ChannelFactors(scale: .tensor(try require(key, shape: []).name), shift: nil)
    return append(key, .affine(factors), [x], channels: x.channels)
  }

  /// Efficient channel attention (Wang et al. 2020): every channel times a gate that a convolution along the channels
  /// computes from all means.
  mutating func channelAttention(_ x: Value, _ name: String) throws -> Value {
    let spec = try require(name + ".weight", shape: [1, 1, nil])
    let taps = spec.shape[2]
    let factor = append(
      name, .acrossChannels(weight: spec.name, taps: taps, padding: (taps - 1) / 2), [globalAverage(x)],
      channels: x.channels)
    return gate(x, by: activation(factor, .sigmoid))
  }

  /// The softmax over `groups` ranges of the channels of every pixel, element by element of a range.
  mutating func softmax(_ x: Value, groups: Int) -> Value {
    append("softmax", .softmax(groups: groups), [x], channels: x.channels)
  }

  /// The sum of `groups` ranges of channels.
  mutating func sumOfGroups(_ x: Value, _ groups: Int) -> Value {
    append("sum", .sumOfGroups(groups), [x], channels: x.channels / max(groups, 1))
  }

  /// Output channel i is input channel `order[i]`.
  mutating func reorder(_ x: Value, _ order: [Int]) -> Value {
    append("reorder", .reorder(order), [x], channels: order.count)
  }

  /// Sines and cosines of the places of the pixels of `x`.
  mutating func wavePositions(_ x: Value, waves: Int) -> Value {
    append("positions", .wavePositions(waves: waves), [x], channels: 4 * waves)
  }

  /// Queries, keys and values of a map that holds one after the other.
  mutating func thirds(_ x: Value) -> (q: Value, k: Value, v: Value) {
    let third = x.channels / 3
    return (slice(x, 0..<third), slice(x, third..<2 * third), slice(x, 2 * third..<3 * third))
  }

  /// Attention between channels of queries, keys and values, with the temperature of `name`.
  mutating func crossCovariance(_ qkv: Value, _ name: String, heads: Int) throws -> Value {
    let temperature = try require("\(name).temperature", shape: [heads, 1, 1])
    return try crossCovariance(qkv, name, heads: heads, factor: .temperature(temperature.name))
  }

  mutating func crossCovariance(
    _ qkv: Value, _ name: String, heads: Int, factor: CrossCovariance.Factor
  ) throws -> Value {
    guard heads > 0, qkv.channels % (3 * heads) == 0 else {
      throw unshared(qkv.channels / 3, heads: heads)
    }
    return append(
      name + ".attention", .crossCovariance(CrossCovariance(heads: heads, factor: factor)), [qkv],
      channels: qkv.channels / 3)
  }

  /// Attention without scores of queries, keys and values, [head][query, key, value][channel of the head].
  mutating func linearAttention(
    _ qkv: Value, _ name: String, heads: Int, _ form: LinearAttention.Form
  ) throws -> Value {
    guard heads > 0, qkv.channels % (3 * heads) == 0 else {
      throw unshared(qkv.channels / 3, heads: heads)
    }
    return append(
      name + ".attention", .linearAttention(LinearAttention(heads: heads, form: form)), [qkv],
      channels: qkv.channels / 3)
  }

  mutating func rotate(_ x: Value, _ rotation: RotaryEmbedding) -> Value {
    append("rope", .rotate(rotation), [x], channels: x.channels)
  }

  /// Learned tokens, `[1, count, channels]`, for every image of `x`.
  mutating func parameter(_ key: String, _ x: Value) throws -> Value {
    let spec = try require(key, shape: [1, nil, nil])
    return append(key, .parameter(spec.name, count: spec.shape[1]), [x], channels: spec.shape[2])
  }

  /// Channels as tokens: a map of `tokens` tokens becomes one of as many channels.
  mutating func transpose(_ x: Value, tokens: Int) -> Value {
    append("transpose", .transpose, [x], channels: tokens)
  }

  /// Blocks of `side` by `side` pixels as one, channels [row in the block][column in the block][channel].
  mutating func spaceToDepth(_ x: Value, side: Int) -> Value {
    append("blocks", .spaceToDepth(rows: side, columns: side), [x], channels: side * side * x.channels)
  }

  /// The pixels of blocks that `spaceToDepth` has made one.
  mutating func depthToSpace(_ x: Value, side: Int) -> Value {
    append("pixels", .depthToSpace(rows: side, columns: side), [x], channels: x.channels / (side * side))
  }

  /// Tokens as the pixels of a map of the size of another, which has as many.
  mutating func grid(of x: Value, like other: Value) -> Value {
    append("grid", .gridOfTokens, [x, other], channels: x.channels)
  }

  /// A learned map, `[1, channels, height, width]`, of the size of `x`.
  mutating func parameterMap(_ key: String, like x: Value) throws -> Value {
    let spec = try require(key, shape: [1, x.channels, nil, nil])
    let pixels = spec.shape[2] * spec.shape[3]
    let planes = append(key, .parameter(spec.name, count: x.channels), [x], channels: pixels)
    return grid(of: transpose(planes, tokens: x.channels), like: x)
  }

  mutating func joinTokens(_ values: [Value]) -> Value {
    append("tokens", .joinTokens, values, channels: values[0].channels)
  }

  /// The product of two maps of equal shape.
  mutating func multiply(_ a: Value, _ b: Value) -> Value {
    append("multiply", .multiply, [a, b], channels: a.channels)
  }

  /// The first map times the second, which has one channel.
  mutating func mask(_ x: Value, by factor: Value) -> Value {
    append("mask", .mask, [x, factor], channels: x.channels)
  }

  /// A map of ones of the size of `x`.
  mutating func ones(like x: Value) -> Value {
    let factors = ChannelFactors(scale: .constant(0), shift: .constant(1))
    return append("ones", .affine(factors), [x], channels: x.channels)
  }

  /// The second map times the activation of the first (Shazeer: "GLU Variants Improve Transformer", 2020).
  mutating func gated(_ gate: Value, _ activation: Activation, _ x: Value) -> Value {
    multiply(self.activation(gate, activation), x)
  }

  /// scale * max(x, 0)^2 + bias with one learned number each (Yu et al.: "MetaFormer Baselines for Vision", 2022).
  mutating func starRelu(_ x: Value, _ name: String) throws -> Value {
    let factors = ChannelFactors(
      scale: .tensor(try require(name + ".scale", shape: [1]).name),
      shift: .tensor(try require(name + ".bias", shape: [1]).name))
    let squared = append(name, .function(.squaredRelu), [x], channels: x.channels)
    return append(name, .affine(factors), [squared], channels: x.channels)
  }
}
