import Checkpoint

// Operations of transformers. Tokens are the pixels of a map that is one pixel wide: a row for each token.

/// A LayerNorm over the channels of every pixel or token: y = (x - mean) / sqrt(variance + eps) * weight + bias.
///
/// Ba, Kiros, Hinton: "Layer Normalization" (2016).
package struct LayerNorm: Sendable, Equatable {
  /// Key of the scale; nil is 1.
  package let weight: TensorName?
  /// Key of the shift; nil is 0.
  package let bias: TensorName?
  package let eps: Float
  /// True if the mean is not subtracted, and the mean square takes the place of the variance (Zhang, Sennrich: "Root Mean
  /// Square Layer Normalization", 2019).
  package var keepsMean = false
  /// Ranges of channels that are normalized each on its own with the same weights, as heads of attention are.
  package var groups = 1
}

/// Competition between channels: y = x + bias + weight * x * g / (mean of g over the channels + eps), where g is a
/// channel's Euclidean norm over all pixels.
///
/// Woo et al.: "ConvNeXt V2" (2023).
package struct GlobalResponseNorm: Sendable, Equatable {
  package let weight: TensorName
  package let bias: TensorName
  package let eps: Float
}

/// Multi-head attention of a map whose channels are queries, keys and values, [3][head][channel of the head].
///
/// Vaswani et al.: "Attention Is All You Need" (2017).
package struct Attention: Sendable, Equatable {
  /// Number that a query and a key give before the softmax.
  package enum Scores: Sendable, Equatable {
    /// The product divided by the square root of the head's channels.
    case scaled
    /// The cosine times e^s, where s is the head's number in this tensor, at most ln 100 (Swin V2).
    case cosine(TensorName)
  }

  package let heads: Int
  package let scores: Scores
  /// Windows that attention stays in; nil attends to all tokens.
  package let windows: AttentionWindows?
}

/// Windows of a map that attention stays in, shifted by some pixels in every other layer.
///
/// Liu et al.: "Swin Transformer" (2021) and "Swin Transformer V2" (2022).
package struct AttentionWindows: Sendable, Equatable {
  /// Numbers added to the scores, by the distance of the tokens.
  package enum Bias: Sendable, Equatable {
    /// A row of the tensor for every distance, a column for every head.
    case table(TensorName)
    /// 16 sigmoid(W relu(V d + v)) of logarithmic distances d (Swin V2). The distances are scaled to those of
    /// windows of `trained` pixels; nil is the window's own extent.
    case network(hidden: TensorName, hiddenBias: TensorName, output: TensorName, trained: Int?)
    /// W relu(V d + v) + w of logarithmic distances d, sign(n) ln(1 + |n|) of n pixels (Swin V2 in its first form).
    case linearNetwork(
      hidden: TensorName, hiddenBias: TensorName, output: TensorName, outputBias: TensorName)
    /// For every head a row for every distance down and a column for every distance to the right, of the key from the
    /// query (MaxViT in TensorFlow).
    case tableByHead(TensorName)
    /// For every head a row for every distance down and a column for every distance to the right, whatever their sign
    /// (TinyViT); the heads are those of the tensor from `firstHead` on.
    case absoluteDistances(TensorName, firstHead: Int = 0)
    /// Nothing is added.
    case zero
  }

  /// Pixels that a window holds.
  package enum Arrangement: Sendable, Equatable {
    /// Neighbors.
    case windows
    /// As many as in a window, evenly spread over the map (MaxViT).
    case grid
  }

  /// Order of shifting the map and filling it up to whole windows, which differ where it is not a multiple of them.
  package enum Filling: Sendable, Equatable {
    case beforeShift
    case afterShift
  }

  /// Pixels along each axis.
  package let side: Int
  /// Pixels by which the windows are shifted down and right; none along an axis of a single window.
  package let shift: Int
  package let bias: Bias
  /// Bias of queries, keys and values, which the pixels have that fill up the map; nil is 0.
  package let fillingBias: ChannelFactors.Values?
  package let filling: Filling
  /// True if a map smaller than a window is one window of its own size; false fills it up.
  package let shrinks: Bool
  package var arrangement = Arrangement.windows
}

/// Windows of a map, set apart so that no kernel reaches from one into the next. Zeros below and to the right fill up a map
/// to whole windows.
package struct SpacedWindows: Sendable, Equatable {
  /// Rows and columns of a window.
  package let side: Int
  /// Rows and columns of zeros on each side of a window.
  package let margin: Int
  /// True if the map must be a single window.
  var isSingle = false

  /// Rows or columns of the windows of a map with their margins; nil for a map that is smaller than a window, or larger
  /// than its only one.
  func spaced(_ extent: Int) -> Int? {
    guard isSingle ? extent == side : extent >= side else { return nil }
    return (extent + side - 1) / side * (side + 2 * margin)
  }

  /// The row or column of the map at one of the windows with their margins; nil for a margin.
  package func source(_ position: Int) -> Int? {
    let (window, place) = position.quotientAndRemainder(dividingBy: side + 2 * margin)
    return place >= margin && place < margin + side ? window * side + place - margin : nil
  }

  /// The row or column among the windows with their margins of one of the map.
  package func target(_ position: Int) -> Int {
    position / side * (side + 2 * margin) + margin + position % side
  }
}

/// The tokens of a map: prefix tokens such as the class token, then a token for each pixel, with position embeddings.
package struct TokenEmbedding: Sendable, Equatable {
  /// Resampling of position embeddings to a grid of another size.
  package enum Resampling: Sendable, Equatable {
    /// Bicubic with a filter as wide as the scale (PyTorch's `antialias`), as timm does.
    case antialiased
    /// Bicubic interpolation between the outermost positions (PyTorch's `align_corners`), as torchvision does.
    case alignedCorners
  }

  /// Keys of prefix tokens, in their order; a tensor may hold several.
  package let prefix: [TensorName]
  /// Number of prefix tokens.
  package let prefixCount: Int
  /// Key of the position embeddings; nil adds none.
  package let positions: TensorName?
  /// Number of prefix tokens with position embeddings: the first rows of the tensor.
  package let embeddedPrefixCount: Int
  /// Rows and columns of the grid of the other position embeddings.
  package let grid: (rows: Int, columns: Int)
  package let resampling: Resampling

  package static func == (a: TokenEmbedding, b: TokenEmbedding) -> Bool {
    a.prefix == b.prefix && a.prefixCount == b.prefixCount && a.positions == b.positions
      && a.embeddedPrefixCount == b.embeddedPrefixCount && a.grid == b.grid && a.resampling == b.resampling
  }
}

extension Graph {
  /// The size of the map of one of this file's operations; nil for maps that it cannot take.
  static func size(ofTokens node: Node, inputs: [MapSize]) -> MapSize? {
    let input = inputs[0]
    switch node.operation {
    case .spaceWindows(let windows):
      guard let height = windows.spaced(input.height), let width = windows.spaced(input.width) else {
        return nil
      }
      return MapSize(height: height, width: width, channels: node.channels)
    case .joinWindows(let windows):
      let result = inputs[1]
      guard windows.spaced(result.height) == input.height, windows.spaced(result.width) == input.width else {
        return nil
      }
      return MapSize(height: result.height, width: result.width, channels: node.channels)
    case .attention(let attention):
      // A table for the distances of whole windows has none for smaller ones.
      if let windows = attention.windows {
        if windows.shrinks, case .table = windows.bias, min(input.height, input.width) < windows.side {
          return nil
        }
        // Pixels that fill up a map have no place in a grid.
        if windows.arrangement == .grid,
          !input.height.isMultiple(of: windows.side) || !input.width.isMultiple(of: windows.side)
        {
          return nil
        }
      }
      return MapSize(height: input.height, width: input.width, channels: node.channels)
    case .layerNorm, .globalResponseNorm:
      return MapSize(height: input.height, width: input.width, channels: node.channels)
    case .embed(let embedding):
      return MapSize(height: embedding.prefixCount + input.pixels, width: 1, channels: node.channels)
    case .tokens(let range):
      guard input.width == 1, range.lowerBound < input.height else { return nil }
      let end = range.upperBound == .max ? input.height : range.upperBound
      guard end <= input.height else { return nil }
      return MapSize(height: end - range.lowerBound, width: 1, channels: node.channels)
    case .mergePatches:
      return MapSize(
        height: (input.height + 1) / 2, width: (input.width + 1) / 2, channels: node.channels)
    default: return nil
    }
  }

  /// Multiply-adds of the scores and the weighted sums of values of one image.
  static func multiplyAdds(_ attention: Attention, size: MapSize) -> Int? {
    let pixels: Int
    let partners: Int
    if let windows = attention.windows {
      func whole(_ extent: Int) -> Int {
        let side = windows.side(for: extent)
        return (extent + side - 1) / side * side
      }
      pixels = whole(size.height) * whole(size.width)
      partners = windows.side(for: size.height) * windows.side(for: size.width)
    } else {
      (pixels, partners) = (size.pixels, size.pixels)
    }
    return pixels.multiplied(exactlyBy: 2 * size.channels)?.multiplied(exactlyBy: partners)
  }
}

extension AttentionWindows {
  /// A window's extent along an axis of the map.
  package func side(for extent: Int) -> Int { shrinks ? min(side, extent) : side }

  /// The shift along an axis of the map, none where it has only one window.
  package func shift(for extent: Int) -> Int { extent <= side ? 0 : shift }
}
