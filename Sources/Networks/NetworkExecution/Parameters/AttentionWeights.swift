import NetworkGraphs
import Platform
import TensorMath

/// Relative positions and scales of a layer of attention in windows.
struct AttentionWeights: Sendable {
  /// Queries, keys and values of the pixels that fill up the map.
  let filling: [Float]
  /// Factors of the cosines, one for each head; nil for scaled products.
  let scales: [Float]?
  let positions: RelativePositions

  init(
    _ attention: Attention, _ windows: AttentionWindows, channels: Int, filling: [Float]?, _ state: StateDict
  ) throws {
    self.filling = filling ?? Array(repeating: 0, count: 3 * channels)
    switch attention.scores {
    case .scaled: scales = nil
    case .cosine(let key): scales = try state.floats(key).map { expf(min($0, logf(100))) }
    }
    positions = try RelativePositions(windows.bias, state)
  }
}

/// Numbers added to the scores of attention by the distance of the tokens, with their weights.
struct RelativePositions: Sendable {
  private let bias: AttentionWindows.Bias
  private var table: [Float] = []
  private var hidden: (weight: [Float], bias: [Float]) = ([], [])
  private var output: (weight: [Float], bias: [Float]) = ([], [])

  init(_ bias: AttentionWindows.Bias, _ state: StateDict) throws {
    self.bias = bias
    switch bias {
    case .table(let key), .tableByHead(let key), .absoluteDistances(let key, _):
      table = try state.floats(key)
    case .network(let hidden, let hiddenBias, let output, _):
      self.hidden = (try state.floats(hidden), try state.floats(hiddenBias))
      self.output.weight = try state.floats(output)
    case .linearNetwork(let hidden, let hiddenBias, let output, let outputBias):
      self.hidden = (try state.floats(hidden), try state.floats(hiddenBias))
      self.output = (try state.floats(output), try state.floats(outputBias))
    case .zero: break
    }
  }

  /// The numbers for windows of the given extents, [head][query][key].
  func biases(heads: Int, rows: Int, columns: Int) -> Tensor {
    let (down, right) = (2 * rows - 1, 2 * columns - 1)
    // [distance][head]
    var values: [Float] = []
    for index in 0..<down * right {
      values += entries(
        (index / right - (rows - 1), index % right - (columns - 1)), index: index, of: down * right,
        (rows, columns), heads: heads)
    }
    precondition(values.count == down * right * heads, "table of other windows")
    let tokens = rows * columns
    let result = Tensor(uninitialized: [heads, tokens, tokens])
    for query in 0..<tokens {
      for key in 0..<tokens {
        let row = query / columns - key / columns + rows - 1
        let column = query % columns - key % columns + columns - 1
        for head in 0..<heads {
          result.pointer[(head * tokens + query) * tokens + key] =
            values[(row * right + column) * heads + head]
        }
      }
    }
    return result
  }

  /// The numbers of a distance of the query from the key, one for each head.
  private func entries(
    _ distance: (down: Int, right: Int), index: Int, of count: Int, _ window: (rows: Int, columns: Int),
    heads: Int
  ) -> ArraySlice<Float> {
    switch bias {
    case .table: return table.dropFirst(index * heads).prefix(heads)
    case .tableByHead:
      // Distances of the key from the query, which are those of the query from the key backwards.
      return ArraySlice((0..<heads).map { head in table[(head + 1) * count - 1 - index] })
    case .absoluteDistances(_, let firstHead):
      let place = abs(distance.down) * window.columns + abs(distance.right)
      return ArraySlice((0..<heads).map { table[(firstHead + $0) * window.rows * window.columns + place] })
    case .network(_, _, _, let trained):
      let down = Self.logarithmic(distance.down, trained ?? window.rows)
      let right = Self.logarithmic(distance.right, trained ?? window.columns)
      return ArraySlice(network(down, right, heads: heads).map { 16 / (1 + expf(-$0)) })
    case .linearNetwork:
      let sums = network(
        Self.logarithmic(distance.down), Self.logarithmic(distance.right), heads: heads)
      return ArraySlice(zip(sums, output.bias).map { $0 + $1 })
    case .zero: return ArraySlice(repeating: 0, count: heads)
    }
  }

  /// sign(d) log2(1 + |d|) / 3 of a distance d scaled to 8 at the trained window's end.
  private static func logarithmic(_ distance: Int, _ trained: Int) -> Float {
    let scaled = Float(distance) / Float(max(trained - 1, 1)) * 8
    return (scaled < 0 ? -1 : 1) * log2f(abs(scaled) + 1) / 3
  }

  /// sign(d) ln(1 + |d|) of a distance d in pixels.
  private static func logarithmic(_ distance: Int) -> Float {
    (distance < 0 ? -1 : 1) * log1pf(Float(abs(distance)))
  }

  /// W relu(V d + v) for every head.
  private func network(_ down: Float, _ right: Float, heads: Int) -> [Float] {
    let units = hidden.bias.indices.map {
      max(0, hidden.weight[2 * $0] * down + hidden.weight[2 * $0 + 1] * right + hidden.bias[$0])
    }
    return (0..<heads).map { head in
      units.indices.reduce(Float(0)) { $0 + output.weight[head * units.count + $1] * units[$1] }
    }
  }
}
