import Checkpoint
import NetworkGraphs
import Platform
import TensorMath

/// Position biases and talking heads of a layer of attention.
struct MixingWeights: Sendable {
  /// Weight [to head][from head] and bias of a map across heads.
  typealias Mixing = (weight: [Float], bias: [Float])
  /// The maps before and after the softmax.
  let talking: (before: Mixing, after: Mixing)?
  /// The numbers added to the scores, [head][query][key].
  let biases: Tensor?
  let positions: PositionVectors?

  init(_ attention: CrossAttention, _ state: StateDict) throws {
    let talking: (before: Mixing, after: Mixing)? = try attention.talking.map { talking in
      func values(_ mixing: HeadMixing) throws -> Mixing {
        (try state.floats(mixing.weight), try state.floats(mixing.bias))
      }
      return (try values(talking.before), try values(talking.after))
    }
    self.talking = talking
    positions = try attention.positions.map { try PositionVectors($0, state) }
    let biases = try attention.bias.map { try Self.biases($0, heads: attention.heads, state) }
    if attention.mixesBias, let biases, let talking {
      self.biases = Self.mixed(biases, by: talking.before.weight, heads: attention.heads)
    } else {
      self.biases = biases
    }
  }

  /// The numbers of all heads after a linear map across them, [to head][from head].
  private static func mixed(_ biases: Tensor, by weight: [Float], heads: Int) -> Tensor {
    let count = biases.count / heads
    let result = Tensor(shape: biases.shape)
    for target in 0..<heads {
      for source in 0..<heads {
        let factor = weight[target * heads + source]
        for index in 0..<count {
          result.pointer[target * count + index] += factor * biases.pointer[source * count + index]
        }
      }
    }
    return result
  }

  private static func biases(_ bias: PositionBias, heads: Int, _ state: StateDict) throws -> Tensor {
    let (rows, columns, prefix) = (bias.rows, bias.columns, bias.prefixCount)
    let stride = bias.stride
    let fewerColumns = (columns + stride - 1) / stride
    let queries = prefix + (rows + stride - 1) / stride * fewerColumns
    let keys = prefix + rows * columns
    let result = Tensor(shape: [heads, queries, keys])
    /// The number for a head and two pixels, and for pairs with a token of the prefix.
    let pixels: (_ head: Int, _ query: Int, _ key: Int) -> Float
    var others: (_ head: Int, _ query: Int, _ key: Int) -> Float = { _, _, _ in 0 }
    switch bias.kind {
    case .distancesAndClass(let key):
      let table = try state.floats(key)
      let distances = (2 * rows - 1) * (2 * columns - 1)
      pixels = { head, query, key in
        let down = query / columns - key / columns + rows - 1
        return table[
          (down * (2 * columns - 1) + query % columns - key % columns + columns - 1) * heads + head]
      }
      others = { head, query, key in
        table[(distances + (query >= prefix ? 1 : key >= prefix ? 0 : 2)) * heads + head]
      }
    case .relative(let inner, _):
      let values = try RelativePositions(inner, state).biases(heads: heads, rows: rows, columns: columns)
      pixels = { head, query, key in
        values.pointer[(head * rows * columns + query) * rows * columns + key]
      }
    case .absoluteDistances(let key):
      let table = try state.floats(key)
      pixels = { head, query, key in
        let (down, right) = (abs(query / columns - key / columns), abs(query % columns - key % columns))
        return table[head * rows * columns + down * columns + right]
      }
    case .offsets(let weightKey, let biasKey):
      let (weight, bias) = (try state.floats(weightKey), try state.floats(biasKey))
      pixels = { head, query, key in
        let (right, down) = (Float(key % columns - query % columns), Float(key / columns - query / columns))
        let row = weight[3 * head..<3 * head + 3]
        let places = row[3 * head] * right + row[3 * head + 1] * down
        return places + row[3 * head + 2] * (right * right + down * down) + bias[head]
      }
    }
    for head in 0..<heads {
      for query in 0..<queries {
        // The query's place on the keys' grid.
        let index = max(0, query - prefix)
        let place = index / fewerColumns * stride * columns + index % fewerColumns * stride
        for key in 0..<keys {
          result.pointer[(head * queries + query) * keys + key] =
            query < prefix || key < prefix ? others(head, query, key) : pixels(head, place, key - prefix)
        }
      }
    }
    return result
  }
}

/// The vectors that queries are multiplied with for the positions of keys.
struct PositionVectors: Sendable {
  private let positions: QueryPositions
  /// [row or column of the query][row or column of the key][channel of a head]
  private let rows: Tensor
  private let columns: Tensor

  init(_ positions: QueryPositions, _ state: StateDict) throws {
    self.positions = positions
    let (queries, keys) = (positions.querySide, positions.keySide)
    func vectors(_ key: TensorName) throws -> Tensor {
      let table = try state.floats(key)
      let width = table.count / (2 * max(queries, keys) - 1)
      var values: [Float] = []
      for query in 0..<queries {
        for key in 0..<keys {
          values += table.dropFirst(positions.place(query: query, key: key) * width).prefix(width)
        }
      }
      return Tensor(shape: [queries, keys, width], values: values)
    }
    (rows, columns) = (try vectors(positions.rows), try vectors(positions.columns))
  }

  /// Adds the products of a head's queries to their scores.
  ///
  /// - Parameters:
  ///   - range: Numbers of the queries.
  ///   - scores: Scores of these queries, a row of all keys for each.
  ///   - x: The head's channels of the first of these queries.
  ///   - stride: Floats from query to query.
  func add(
    to scores: UnsafeMutablePointer<Float>, of range: Range<Int>, _ x: UnsafePointer<Float>, stride: Int
  ) {
    let (side, keySide, prefix) = (positions.querySide, positions.keySide, positions.prefix)
    let width = rows.shape[2]
    let keys = prefix + keySide * keySide
    func product(_ x: UnsafePointer<Float>, _ vector: UnsafePointer<Float>) -> Float {
      var sum: Float = 0
      for channel in 0..<width { sum += x[channel] * vector[channel] }
      return sum
    }
    withUnsafeTemporaryAllocation(of: Float.self, capacity: keySide) { byColumn in
      for query in range where query >= prefix {
        let (row, column) = (query - prefix).quotientAndRemainder(dividingBy: side)
        let x = x + (query - range.lowerBound) * stride
        for key in 0..<keySide {
          byColumn[key] = product(x, columns.pointer + (column * keySide + key) * width)
        }
        var target = scores + (query - range.lowerBound) * keys + prefix
        for key in 0..<keySide {
          let byRow = product(x, rows.pointer + (row * keySide + key) * width)
          for other in 0..<keySide { target[other] += byRow + byColumn[other] }
          target += keySide
        }
      }
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
