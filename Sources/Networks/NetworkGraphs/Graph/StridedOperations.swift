import Checkpoint

// Operations of imported networks on values of any rank. Such a value is a map under other axes: each of them steps
// through pixels or channels of the map that holds it, so that reshapes and transpositions cost nothing until an operation
// needs another order.

/// Steps through a map, each of so many pixels and channels; both are 0 where a value is repeated.
package struct StridedAxis: Sendable, Equatable {
  package let extent: Int
  package let pixels: Int
  package let channels: Int

  package init(extent: Int, pixels: Int, channels: Int) {
    (self.extent, self.pixels, self.channels) = (extent, pixels, channels)
  }

  /// True for neighboring channels, which are neighbors in memory.
  package var isContiguous: Bool { extent == 1 || (pixels == 0 && channels == 1) }

  /// Axes without those of one step, and with those joined that continue each other.
  static func merged(_ axes: [StridedAxis]) -> [StridedAxis] {
    var result: [StridedAxis] = []
    for axis in axes where axis.extent != 1 {
      if let last = result.last, last.pixels == axis.pixels * axis.extent,
        last.channels == axis.channels * axis.extent
      {
        result[result.count - 1] = StridedAxis(
          extent: last.extent * axis.extent, pixels: axis.pixels, channels: axis.channels)
      } else {
        result.append(axis)
      }
    }
    return result
  }

  /// Lists of axes over as many positions, split so that all have the same extents; nil where that is impossible.
  static func refined(_ lists: [[StridedAxis]]) -> [[StridedAxis]]? {
    var rest = lists.map { $0.filter { $0.extent != 1 } }
    var results = lists.map { _ in [StridedAxis]() }
    while rest.contains(where: { !$0.isEmpty }) {
      guard rest.allSatisfy({ !$0.isEmpty }), let inner = rest.compactMap({ $0.last?.extent }).min(),
        inner > 1, rest.allSatisfy({ ($0.last?.extent ?? 1).isMultiple(of: inner) })
      else { return nil }
      for index in rest.indices {
        let axis = rest[index].removeLast()
        results[index].append(StridedAxis(extent: inner, pixels: axis.pixels, channels: axis.channels))
        guard axis.extent > inner else { continue }
        rest[index].append(
          StridedAxis(
            extent: axis.extent / inner, pixels: axis.pixels * inner, channels: axis.channels * inner))
      }
    }
    return results.map { $0.reversed() }
  }
}

/// Elements of a map in another order, some of them repeated or left out.
package struct Arrangement: Sendable, Equatable {
  /// The size that the steps are for.
  package let source: MapSize
  package let height: Int
  package let width: Int
  /// Steps from pixel to pixel of the result, outermost first; their extents multiply to its pixels.
  package let rows: [StridedAxis]
  /// Steps from channel to channel of the result, outermost first.
  package let channels: [StridedAxis]
  /// Place of the first element.
  package var firstPixel = 0
  package var firstChannel = 0
}

/// Blocks of rows of tokens, picked by number.
package struct RowSelection: Sendable, Equatable {
  package let source: MapSize
  /// Numbers of blocks of the source, in the order of the result.
  package let indices: [Int]
  /// Rows of a block.
  package let block: Int
}

/// An axis that two or more operands share, with the steps of each.
package struct SharedAxis: Sendable, Equatable {
  package let extent: Int
  /// Steps through the operands, in their order.
  package let steps: [StridedAxis]
}

/// Matrix products of parts of two maps: rows [shared axes][row] of the result are sums over `depth` of the first map times
/// the second, with a channel for each column.
package struct StridedProduct: Sendable, Equatable {
  package let sources: [MapSize]
  package let shared: [SharedAxis]
  /// Rows of the first map.
  package let rows: StridedAxis
  /// Columns of the second map.
  package let columns: StridedAxis
  /// The summed axis in the first and second map.
  package let depth: [StridedAxis]

  package var blocks: Int { shared.reduce(1) { $0 * $1.extent } }
}

/// Softmax(scale Q K^T + bias) V of parts of three or four maps: queries, keys, values and, where there is one, the bias,
/// whose rows are [shared axes][query] and whose channels are keys.
///
/// Vaswani et al.: "Attention Is All You Need" (2017). Windows and heads are shared axes.
package struct StridedAttention: Sendable, Equatable {
  package let sources: [MapSize]
  /// The result's size, without its channels.
  package let height: Int
  package let width: Int
  /// Axes of windows and heads: steps through queries, keys, values and the result.
  package let shared: [SharedAxis]
  /// Steps from token to token of queries, keys, values and the result.
  package let queries: StridedAxis
  package let keys: StridedAxis
  package let values: StridedAxis
  package let results: StridedAxis
  /// Channels of a query and of a value.
  package let depth: Int
  package let valueDepth: Int
  package let scale: Float
  package let hasBias: Bool

  package var blocks: Int { shared.reduce(1) { $0 * $1.extent } }
}

/// A number for all channels of a pixel.
package enum ChannelReduction: String, Sendable {
  case sum, mean, maximum, minimum, absoluteSum, euclideanNorm
}

extension Operation {
  /// Sizes of the inputs that the operation is described for; other operations take inputs of any size.
  package var describedSizes: [MapSize] {
    switch self {
    case .arrange(let arrangement): [arrangement.source]
    case .takeRows(let selection): [selection.source]
    case .product(let product): product.sources
    case .stridedAttention(let attention): attention.sources
    default: []
    }
  }
}

extension Graph {
  /// True if some operation is described for the pixels of one size of the network's input.
  var isBoundToSize: Bool {
    nodes.contains { node in
      switch node.operation {
      case .input: false
      // A file for one size does not say whether this size was computed from it.
      case .resample(let resampling): resampling.target.isSize
      default: node.operation.describedSizes.contains { $0.pixels > 1 }
      }
    }
  }

  /// The size of the map of one of this file's operations; nil for maps that it cannot take.
  static func size(ofStrided node: Node, inputs: [MapSize]) -> MapSize? {
    let first = inputs[0]
    func shaped(_ height: Int, _ width: Int) -> MapSize? {
      height > 0 && width > 0 ? MapSize(height: height, width: width, channels: node.channels) : nil
    }
    let described = node.operation.describedSizes
    guard zip(described, inputs).allSatisfy({ $0 == $1 }) else { return nil }
    switch node.operation {
    case .arrange(let arrangement): return shaped(arrangement.height, arrangement.width)
    case .takeRows(let selection): return shaped(selection.indices.count * selection.block, 1)
    case .product(let product): return shaped(product.blocks * product.rows.extent, 1)
    case .stridedAttention(let attention): return shaped(attention.height, attention.width)
    case .softmaxOfChannels, .reduceChannels: return shaped(first.height, first.width)
    case .select:
      guard inputs.allSatisfy({ $0 == first }) else { return nil }
      return shaped(first.height, first.width)
    default: return nil
    }
  }

  /// Multiply-adds of one image.
  static func multiplyAdds(ofStrided node: Node, size: MapSize) -> Int? {
    switch node.operation {
    case .product(let product): return size.count.multiplied(exactlyBy: product.depth[0].extent)
    case .stridedAttention(let attention):
      return attention.blocks.multiplied(exactlyBy: attention.queries.extent)?
        .multiplied(exactlyBy: attention.keys.extent)?
        .multiplied(exactlyBy: attention.depth + attention.valueDepth)
    default: return 0
    }
  }
}
