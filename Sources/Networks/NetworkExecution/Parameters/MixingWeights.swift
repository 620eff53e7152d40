import NetworkGraphs
import Platform
import TensorMath

/// Position biases and talking heads of a layer of attention.
struct MixingWeights: Sendable {
  /// Weight [to head][from head] and bias of the maps across heads, before and after the softmax.
  let talking: (before: (weight: [Float], bias: [Float]), after: (weight: [Float], bias: [Float]))?
  /// The numbers added to the scores, [head][query][key].
  let biases: Tensor?

  init(_ attention: CrossAttention, _ state: StateDict) throws {
    talking = try attention.talking.map { talking in
      func values(_ mixing: HeadMixing) throws -> (weight: [Float], bias: [Float]) {
        (try state.floats(mixing.weight), try state.floats(mixing.bias))
      }
      return (try values(talking.before), try values(talking.after))
    }
    biases = try attention.bias.map {
      Self.biases($0, table: try state.floats($0.tensor), heads: attention.heads)
    }
  }

  private static func biases(_ bias: PositionBias, table: [Float], heads: Int) -> Tensor {
    let (rows, columns, prefix) = (bias.rows, bias.columns, bias.prefixCount)
    let (fewerRows, fewerColumns) = (
      (rows + bias.stride - 1) / bias.stride, (columns + bias.stride - 1) / bias.stride
    )
    let (queries, keys) = (prefix + fewerRows * fewerColumns, prefix + rows * columns)
    let entry = Self.entry(bias)
    let perHead = table.count / heads
    let result = Tensor(uninitialized: [heads, queries, keys])
    for query in 0..<queries {
      for key in 0..<keys {
        let place: Int
        if query < prefix || key < prefix {
          let distances = (2 * rows - 1) * (2 * columns - 1)
          place = distances + (query >= prefix ? 1 : key < prefix ? 2 : 0)
        } else {
          let (q, k) = (query - prefix, key - prefix)
          place = entry(
            q / fewerColumns * bias.stride - k / columns, q % fewerColumns * bias.stride - k % columns)
        }
        for head in 0..<heads {
          result.pointer[(head * queries + query) * keys + key] =
            bias.kind == .absoluteDistances ? table[head * perHead + place] : table[place * heads + head]
        }
      }
    }
    return result
  }

  /// The entry of the table for two pixels that are so far apart.
  private static func entry(_ bias: PositionBias) -> (_ down: Int, _ right: Int) -> Int {
    let (rows, columns) = (bias.rows, bias.columns)
    switch bias.kind {
    case .distancesAndClass, .distances:
      return { (down, right) in (down + rows - 1) * (2 * columns - 1) + right + columns - 1 }
    case .absoluteDistances:
      // From the first pixel every pair of distances is met once, row by row.
      return { (down, right) in abs(down) * columns + abs(right) }
    }
  }
}

extension RotaryEmbedding {
  /// Cosines and sines of the angles of every token of a grid, [head or 1][token][pair][2].
  func table(rows: Int, columns: Int, pairs: Int, frequencies: [Float]?) -> Tensor {
    let own: Int = if case .mixed = angles { heads } else { 1 }
    let table = Tensor(uninitialized: [own, rows * columns, pairs, 2])
    for head in 0..<own {
      for token in 0..<rows * columns {
        let place = (row: token / columns, column: token % columns)
        for pair in 0..<pairs {
          let angle = angle(
            place, rows: rows, columns: columns, pair: pair, pairs: pairs, head: head, frequencies)
          let target = table.pointer + ((head * rows * columns + token) * pairs + pair) * 2
          target[0] = cosf(angle)
          target[1] = sinf(angle)
        }
      }
    }
    return table
  }

  /// The angle of a pair of channels; the arithmetic is timm's in float32.
  private func angle(
    _ place: (row: Int, column: Int), rows: Int, columns: Int, pair: Int, pairs: Int, head: Int,
    _ frequencies: [Float]?
  ) -> Float {
    let bands = pairs / 2
    let isRow = (pair < bands) != swapsAxes
    let (position, extent) = isRow ? (place.row, rows) : (place.column, columns)
    let exponent = Float(pair % max(bands, 1)) / Float(max(bands, 1))
    switch angles {
    case .axial(let temperature, let reference, let offset):
      var coordinate = Float(position) + offset
      if let reference { coordinate = coordinate / Float(extent) * Float(reference) }
      return coordinate * (1 / powf(temperature, exponent))
    case .centered(let temperature):
      let coordinate = 2 * ((Float(position) + 0.5) / Float(extent)) - 1
      return 2 * Float.pi * coordinate / powf(temperature, exponent)
    case .mixed(_, let layer):
      guard let frequencies else { preconditionFailure("frequencies are loaded with the parameters") }
      let (x, y) = swapsAxes ? (place.column, place.row) : (place.row, place.column)
      let layers = frequencies.count / (2 * heads * pairs)
      func frequency(_ axis: Int) -> Float {
        frequencies[((axis * layers + layer) * heads + head) * pairs + pair]
      }
      return Float(x) * frequency(0) + Float(y) * frequency(1)
    }
  }
}
