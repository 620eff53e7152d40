import NetworkGraphs
import Platform
import TensorMath

/// Relative positions and scales of a layer of attention in windows.
struct AttentionWeights: Sendable {
  /// Queries, keys and values of the pixels that fill up the map.
  let filling: [Float]
  /// Factors of the cosines, one for each head; nil for scaled products.
  let scales: [Float]?
  private var table: [Float] = []
  private var hidden: (weight: [Float], bias: [Float]) = ([], [])
  private var output: [Float] = []

  init(
    _ attention: Attention, _ windows: AttentionWindows, channels: Int, filling: [Float]?, _ state: StateDict
  ) throws {
    self.filling = filling ?? Array(repeating: 0, count: 3 * channels)
    switch attention.scores {
    case .scaled: scales = nil
    case .cosine(let key): scales = try state.floats(key).map { expf(min($0, logf(100))) }
    }
    switch windows.bias {
    case .table(let key): table = try state.floats(key)
    case .network(let hidden, let hiddenBias, let output, _):
      self.hidden = (try state.floats(hidden), try state.floats(hiddenBias))
      self.output = try state.floats(output)
    }
  }

  /// The numbers added to scores in windows of the given extents, [head][query][key].
  func biases(_ bias: AttentionWindows.Bias, heads: Int, rows: Int, columns: Int) -> Tensor {
    let distances = (2 * rows - 1) * (2 * columns - 1)
    // [distance][head]
    let values: [Float] =
      switch bias {
      case .table: table
      case .network(_, _, _, let trained):
        (0..<distances).flatMap { index in
          network(
            Self.logarithmic(index / (2 * columns - 1) - (rows - 1), trained ?? rows),
            Self.logarithmic(index % (2 * columns - 1) - (columns - 1), trained ?? columns), heads: heads)
        }
      }
    precondition(values.count == distances * heads, "table of other windows")
    let tokens = rows * columns
    let result = Tensor(uninitialized: [heads, tokens, tokens])
    for query in 0..<tokens {
      for key in 0..<tokens {
        let down = query / columns - key / columns + rows - 1
        let right = query % columns - key % columns + columns - 1
        for head in 0..<heads {
          result.pointer[(head * tokens + query) * tokens + key] =
            values[(down * (2 * columns - 1) + right) * heads + head]
        }
      }
    }
    return result
  }

  /// sign(d) log2(1 + |d|) / 3 of a distance d scaled to 8 at the trained window's end.
  private static func logarithmic(_ distance: Int, _ trained: Int) -> Float {
    let scaled = Float(distance) / Float(max(trained - 1, 1)) * 8
    return (scaled < 0 ? -1 : 1) * log2f(abs(scaled) + 1) / 3
  }

  /// 16 sigmoid(W relu(V d + v)) for every head.
  private func network(_ down: Float, _ right: Float, heads: Int) -> [Float] {
    let units = hidden.bias.indices.map {
      max(0, hidden.weight[2 * $0] * down + hidden.weight[2 * $0 + 1] * right + hidden.bias[$0])
    }
    return (0..<heads).map { head in
      let sum = units.indices.reduce(Float(0)) { $0 + output[head * units.count + $1] * units[$1] }
      return 16 / (1 + expf(-sum))
    }
  }
}
