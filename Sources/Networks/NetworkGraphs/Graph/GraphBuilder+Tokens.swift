import Checkpoint

/// Layers of transformers and of convolutional networks in their style.
extension GraphBuilder {
  /// The LayerNorm `name`, with scale and shift.
  mutating func layerNorm(_ x: Value, _ name: String, eps: Double) throws -> Value {
    let norm = LayerNorm(
      weight: try require(name + ".weight", shape: [x.channels]).name,
      bias: try require(name + ".bias", shape: [x.channels]).name, eps: Float(eps))
    return append(name, .layerNorm(norm), [x], channels: x.channels)
  }

  /// A fully connected layer on every pixel or token, stored as a matrix or as a 1x1 convolution.
  ///
  /// - Parameters:
  ///   - weight: Key of the weight, where it is not `name.weight`.
  ///   - bias: Key of the bias, where it is not `name.bias`.
  ///   - outputs: Number of outputs; nil takes the weight's.
  mutating func pointwise(
    _ x: Value, _ name: String, weight: String? = nil, bias: String? = nil, outputs: Int? = nil
  ) throws -> Value {
    let key = weight ?? name + ".weight"
    let tail = state.isConvolution(key) ? [1, 1] : []
    let spec = try require(key, shape: [outputs, x.channels] + tail)
    let biasKey = bias ?? name + ".bias"
    let convolution = Convolution(
      weight: spec.name,
      bias: state.contains(biasKey) ? try require(biasKey, shape: [spec.shape[0]]).name : nil,
      window: Window(1), groups: 1, inputChannels: x.channels, outputChannels: spec.shape[0])
    return append(name, .convolution(convolution), [x], channels: spec.shape[0])
  }

  /// The tensor `key` with a number for each channel; other axes may have an extent of 1.
  mutating func channelVector(_ key: String, _ x: Value) throws -> TensorName {
    let shape = state.shape(key) ?? []
    return try require(key, shape: shape.filter { $0 != 1 } == [x.channels] ? shape : [x.channels]).name
  }

  /// Every channel times a factor of its own (`LayerScale`).
  mutating func layerScale(_ x: Value, _ key: String) throws -> Value {
    let factors = ChannelFactors(scale: .tensor(try channelVector(key, x)), shift: nil)
    return append(key, .affine(factors), [x], channels: x.channels)
  }

  /// A number of its own added to every channel.
  mutating func shift(_ x: Value, by values: ChannelFactors.Values) -> Value {
    append("shift", .affine(ChannelFactors(scale: nil, shift: values)), [x], channels: x.channels)
  }

  /// All channels times one number.
  mutating func scale(_ x: Value, by factor: Float) -> Value {
    append("scale", .affine(ChannelFactors(scale: .constant(factor), shift: nil)), [x], channels: x.channels)
  }

  mutating func globalResponseNorm(_ x: Value, weight: String, bias: String, eps: Double) throws -> Value {
    let norm = GlobalResponseNorm(
      weight: try channelVector(weight, x), bias: try channelVector(bias, x), eps: Float(eps))
    return append(weight, .globalResponseNorm(norm), [x], channels: x.channels)
  }

  /// Attention of queries, keys and values to all tokens.
  mutating func attention(_ qkv: Value, _ name: String, heads: Int) throws -> Value {
    try attention(qkv, name, Attention(heads: heads, scores: .scaled, windows: nil))
  }

  /// Attention of queries, keys and values.
  mutating func attention(_ qkv: Value, _ name: String, _ attention: Attention) throws -> Value {
    guard attention.heads > 0, qkv.channels % (3 * attention.heads) == 0 else {
      throw unshared(qkv.channels / 3, heads: attention.heads)
    }
    return append(name + ".attention", .attention(attention), [qkv], channels: qkv.channels / 3)
  }

  /// The tokens of a map: prefix tokens, then one for each pixel, with position embeddings.
  ///
  /// - Parameters:
  ///   - prefix: Keys of prefix tokens, `[1, count, channels]`.
  ///   - prefixCount: Number of all of them.
  ///   - positions: Key of the position embeddings; nil adds none.
  ///   - embeddedPrefixCount: Number of them with position embeddings.
  ///   - grid: Side of the square grid of the pixels' position embeddings.
  mutating func embed(
    _ x: Value, prefix: [String], prefixCount: Int, positions: String?, embeddedPrefixCount: Int, grid: Int,
    resampling: TokenEmbedding.Resampling
  ) throws -> Value {
    var count = 0
    for key in prefix { count += try require(key, shape: [1, nil, x.channels]).shape[1] }
    precondition(count == prefixCount, "the family has counted the prefix tokens")
    let embedding = TokenEmbedding(
      prefix: prefix.map { TensorName($0) }, prefixCount: prefixCount,
      positions: try positions.map {
        try require($0, shape: [1, embeddedPrefixCount + grid * grid, x.channels]).name
      },
      embeddedPrefixCount: embeddedPrefixCount, grid: (grid, grid), resampling: resampling)
    return append("tokens", .embed(embedding), [x], channels: x.channels)
  }

  /// A range of the tokens; `Int.max` as its end takes all after the first.
  mutating func tokens(_ x: Value, _ range: Range<Int>) -> Value {
    append("token", .tokens(range), [x], channels: x.channels)
  }

  /// The map filled up to whole windows, each with a margin of zeros.
  mutating func spaceWindows(_ x: Value, _ name: String, _ windows: SpacedWindows) -> Value {
    append(name, .spaceWindows(windows), [x], channels: x.channels)
  }

  /// The windows of `spaceWindows` without their margins, as a map of the size of another.
  mutating func joinWindows(_ x: Value, _ windows: SpacedWindows, like other: Value) -> Value {
    append("windows", .joinWindows(windows), [x, other], channels: x.channels)
  }

  /// Blocks of 2x2 pixels as one, channels [column][row][channel], with zeros beyond an odd map's end.
  mutating func mergePatches(_ x: Value) -> Value {
    append("merge", .mergePatches, [x], channels: 4 * x.channels)
  }
}
