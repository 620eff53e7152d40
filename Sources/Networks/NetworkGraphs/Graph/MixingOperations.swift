import Checkpoint

// Operations that mix tokens, beyond the plain attention of a fused map of queries, keys and values.

/// Multi-head attention of the tokens of one map to those of another. The inputs are queries, keys and values, each
/// [head][channel of the head]; heads of keys and values may be shared by several heads of queries.
///
/// Vaswani et al.: "Attention Is All You Need" (2017); Touvron et al.: "Going deeper with Image Transformers" (2021) for
/// the talking heads and the class token that attends to the others.
package struct CrossAttention: Sendable, Equatable {
  /// Heads of the queries.
  package let heads: Int
  /// Heads of keys and values, a divisor of `heads`.
  package var keyHeads: Int
  /// Factor of the products of queries and keys.
  package let scale: Float
  /// Numbers added to the scores.
  package var bias: PositionBias?
  /// Products of queries and positions added to the scores.
  package var positions: QueryPositions?
  /// Linear maps across the heads, of scores and of the softmax's results.
  package var talking: (before: HeadMixing, after: HeadMixing)?
  /// True if the map before the softmax takes scores with their bias; false adds the bias to its results.
  package var mixesBias = false

  package init(
    heads: Int, keyHeads: Int? = nil, scale: Float, bias: PositionBias? = nil,
    talking: (before: HeadMixing, after: HeadMixing)? = nil
  ) {
    (self.heads, self.keyHeads, self.scale) = (heads, keyHeads ?? heads, scale)
    (self.bias, self.talking) = (bias, talking)
  }

  package static func == (a: CrossAttention, b: CrossAttention) -> Bool {
    a.heads == b.heads && a.keyHeads == b.keyHeads && a.scale == b.scale && a.bias == b.bias
      && a.positions == b.positions && a.mixesBias == b.mixesBias
      && a.talking?.before == b.talking?.before && a.talking?.after == b.talking?.after
  }
}

/// A fully connected layer across the heads of attention.
package struct HeadMixing: Sendable, Equatable {
  package let weight: TensorName
  package let bias: TensorName
}

/// Learned numbers added to the scores of attention, by the positions of the two tokens.
package struct PositionBias: Sendable, Equatable {
  package enum Kind: Sendable, Equatable {
    /// A row for every distance of two pixels, then three for: class token to pixel, pixel to class token, class token
    /// to itself; a column for every head (BEiT).
    case distancesAndClass(TensorName)
    /// By the distance of two pixels as in windows, and 0 for `prefix` tokens before them.
    case relative(AttentionWindows.Bias, prefix: Int)
    /// A row for every head, a column for every pair of absolute distances, row by row (LeViT).
    case absoluteDistances(TensorName)
    /// W d + w of d = (columns to the right, rows down, sum of the squares of both) of the key from the query, with a row
    /// of W and an element of w for every head (d'Ascoli et al.: "ConViT", 2021).
    case offsets(weight: TensorName, bias: TensorName)
  }

  package let kind: Kind
  /// Rows and columns of the keys' grid.
  package let rows: Int
  package let columns: Int
  /// Steps between the queries on the keys' grid.
  package var stride = 1

  /// Tokens other than the pixels of the grid.
  package var prefixCount: Int {
    switch kind {
    case .distancesAndClass: 1
    case .relative(_, let prefix): prefix
    case .absoluteDistances, .offsets: 0
    }
  }
}

/// Products of every query with learned vectors for its distance from the key, one for rows and one for columns, the same
/// for all heads. Both maps are square; the side of one divides that of the other.
///
/// Li et al.: "MViTv2: Improved Multiscale Vision Transformers for Classification and Detection" (2022).
package struct QueryPositions: Sendable, Equatable {
  /// Keys of the vectors by the distance along the axis, from the smallest on.
  package let rows: TensorName
  package let columns: TensorName
  /// Pixels along each axis of the maps.
  package let querySide: Int
  package let keySide: Int
  /// Tokens before the pixels of both maps, which have no positions.
  package let prefix: Int

  /// Number of distances, in pixels of the larger map.
  var count: Int { 2 * max(querySide, keySide) - 1 }

  /// The place of the vector for a query and a key along one axis.
  package func place(query: Int, key: Int) -> Int {
    query * max(keySide / querySide, 1) + (keySide - 1 - key) * max(querySide / keySide, 1)
  }

  /// True if the maps have the numbers of tokens that the positions are for.
  func fits(queries: Int, keys: Int) -> Bool {
    queries == prefix + querySide * querySide && keys == prefix + keySide * keySide
  }
}

/// Rotary position embeddings: pairs of the channels of a head turned by angles that depend on the token's place.
///
/// Su et al.: "RoFormer" (2021); Heo et al.: "Rotary Position Embedding for Vision Transformer" (2024) for the mixed
/// frequencies; Siméoni et al.: "DINOv3" (2025) for the centered ones.
package struct RotaryEmbedding: Sendable, Equatable {
  package enum Angles: Sendable, Equatable {
    /// Row and column in patches, plus an offset, times frequencies that fall geometrically from 1 to almost
    /// 1 / `temperature`. With a reference the grid is scaled to that many patches.
    case axial(temperature: Float, reference: Int?, offset: Float)
    /// Centers of patches from -1 to 1 along each axis, times 2 pi times such frequencies.
    case centered(temperature: Float)
    /// Learned frequencies, [axis][layer][head][pair].
    case mixed(TensorName, layer: Int)
  }

  package let heads: Int
  /// Tokens before those of the grid, which are not turned.
  package let prefixCount: Int
  package let angles: Angles
  /// True if columns come before rows.
  package let swapsAxes: Bool
  /// True if a pair is a channel of the first half and one of the second; false pairs neighbors.
  package let pairsHalves: Bool
  /// Pixels of the network's input along each side of a token.
  package let patch: Int
}

/// Attention between channels: in every head the softmax of a factor times K^T Q. The input is queries, keys and values,
/// [3][head][channel of the head].
///
/// Ali et al.: "XCiT: Cross-Covariance Image Transformers" (2021); Ding et al.: "DaViT: Dual Attention Vision Transformers"
/// (2022) for the products of columns as they are.
package struct CrossCovariance: Sendable, Equatable {
  package enum Factor: Sendable, Equatable {
    /// A number for each head, for columns over the tokens that have length 1.
    case temperature(TensorName)
    case constant(Float)
    /// 1 / sqrt(number of tokens)
    case tokens
  }

  package let heads: Int
  package let factor: Factor
}

/// Attention whose cost grows with the number of tokens alone, because keys and values are multiplied first. The input is
/// [head][query, key, value][channel of the head].
///
/// Katharopoulos et al.: "Transformers are RNNs" (2020); Cai et al.: "EfficientViT" (2023); Xu et al.: "Co-Scale
/// Conv-Attentional Image Transformers" (2021) for the softmax.
package struct LinearAttention: Sendable, Equatable {
  package enum Form: Sendable, Equatable {
    /// q (K^T V) / (q K^T 1 + eps) of queries and keys that are max(x, 0).
    case quotient(eps: Float)
    /// scale q (K^T V), where every channel of the keys is its softmax over the tokens.
    case softmax(scale: Float)
  }

  package let heads: Int
  package let form: Form
}

/// A GroupNorm: every group of channels over all pixels to mean 0 and variance 1, then scale and shift.
///
/// Wu, He: "Group Normalization" (2018).
package struct GroupNorm: Sendable, Equatable {
  package enum Form: Sendable, Equatable {
    /// (x - mean) / sqrt(variance + eps)
    case standardized
    /// x / sqrt(variance + eps), as in EvoNorm (Liu et al.: "Evolving Normalization-Activation Layers", 2020).
    case divided
    /// x / sqrt(mean of x^2 + eps), as in filter response normalization (Singh, Krishnan: "Filter Response Normalization
    /// Layer", 2019).
    case rootMeanSquare
  }

  package let groups: Int
  /// Key of the scale; nil is 1.
  package let weight: TensorName?
  /// Key of the shift; nil is 0.
  package let bias: TensorName?
  package let eps: Float
  package var form = Form.standardized
}

extension Graph {
  /// The size of the map of one of this file's operations; nil for maps that it cannot take.
  static func size(ofMixing node: Node, inputs: [MapSize]) -> MapSize? {
    let first = inputs[0]
    func shaped(_ height: Int, _ width: Int) -> MapSize {
      MapSize(height: height, width: width, channels: node.channels)
    }
    switch node.operation {
    case .crossAttention(let attention):
      guard inputs[1].pixels == inputs[2].pixels,
        attention.positions?.fits(queries: first.pixels, keys: inputs[1].pixels) ?? true
      else { return nil }
      if let bias = attention.bias {
        guard inputs[1].pixels == bias.prefixCount + bias.rows * bias.columns else { return nil }
        func steps(_ extent: Int) -> Int { (extent + bias.stride - 1) / bias.stride }
        guard first.pixels == bias.prefixCount + steps(bias.rows) * steps(bias.columns) else { return nil }
      }
      return shaped(first.height, first.width)
    case .rotate(let rotation):
      return first.pixels >= rotation.prefixCount ? shaped(first.height, first.width) : nil
    case .crossCovariance, .linearAttention, .groupNorm, .wavePositions:
      return shaped(first.height, first.width)
    case .parameter(_, let count): return shaped(count, 1)
    case .transpose: return first.pixels == node.channels ? shaped(first.channels, 1) : nil
    case .joinTokens: return shaped(inputs.reduce(0) { $0 + $1.pixels }, 1)
    case .gridOfTokens:
      return first.pixels == inputs[1].pixels ? shaped(inputs[1].height, inputs[1].width) : nil
    default: return nil
    }
  }

  /// Multiply-adds of the scores and the weighted sums of values of one image.
  static func multiplyAdds(of node: Node, sizes: [MapSize]) -> Int? {
    let inputs = node.inputs.map { sizes[$0] }
    switch node.operation {
    case .crossAttention(let attention):
      let shared = attention.heads / attention.keyHeads
      return inputs[0].pixels.multiplied(exactlyBy: inputs[0].channels + inputs[2].channels * shared)?
        .multiplied(exactlyBy: inputs[1].pixels)
    case .crossCovariance(let attention):
      let channels = inputs[0].channels / 3
      return inputs[0].pixels.multiplied(exactlyBy: 2 * channels)?
        .multiplied(exactlyBy: channels / attention.heads)
    case .linearAttention(let attention):
      let channels = inputs[0].channels / 3
      return inputs[0].pixels.multiplied(exactlyBy: 2 * channels)?
        .multiplied(exactlyBy: channels / attention.heads + 1)
    default: return 0
    }
  }
}
