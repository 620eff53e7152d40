import Checkpoint
import NetworkGraphs
import Platform
import TensorMath

/// Prefix tokens and position embeddings of a network.
struct EmbeddingWeights: Sendable {
  /// [prefix token][channel]
  private let prefix: [Float]
  /// [position][channel], those of prefix tokens first; nil without any.
  private let positions: [Float]?
  private let channels: Int

  init(_ embedding: TokenEmbedding, channels: Int, _ state: StateDict) throws {
    prefix = try embedding.prefix.flatMap { try state.floats($0) }
    positions = try embedding.positions.map { try state.floats($0) }
    self.channels = channels
  }

  /// The prefix tokens with their embeddings, then the numbers to add to the pixels of a grid, [token][channel].
  func table(_ embedding: TokenEmbedding, rows: Int, columns: Int) -> Tensor {
    let table = Tensor(shape: [embedding.prefixCount + rows * columns, channels])
    for index in prefix.indices { table.pointer[index] = prefix[index] }
    guard let positions else { return table }
    let embedded = embedding.embeddedPrefixCount * channels
    for index in 0..<embedded { table.pointer[index] += positions[index] }
    let grid = embedding.grid
    let pixels = table.pointer + embedding.prefixCount * channels
    if grid == (rows, columns) {
      for index in 0..<rows * columns * channels { pixels[index] = positions[embedded + index] }
    } else {
      let vertical = Taps.all(from: grid.rows, to: rows, embedding.resampling)
      let horizontal = Taps.all(from: grid.columns, to: columns, embedding.resampling)
      for (row, above) in vertical.enumerated() {
        for (column, left) in horizontal.enumerated() {
          for channel in 0..<channels {
            var sum = 0.0
            for (y, weight) in zip(above.first..., above.weights) {
              var inner = 0.0
              for (x, weight) in zip(left.first..., left.weights) {
                let place = above.clamped(y, grid.rows) * grid.columns + left.clamped(x, grid.columns)
                inner += weight * Double(positions[embedded + place * channels + channel])
              }
              sum += weight * inner
            }
            pixels[(row * columns + column) * channels + channel] = Float(sum)
          }
        }
      }
    }
    return table
  }
}

/// The positions that a resampled position is computed from, and their weights.
private struct Taps {
  let first: Int
  let weights: [Double]

  /// Positions beyond the ends are those at the ends.
  func clamped(_ position: Int, _ count: Int) -> Int { min(max(position, 0), count - 1) }

  /// PyTorch's `interpolate(mode="bicubic")` along one axis.
  static func all(from old: Int, to new: Int, _ resampling: TokenEmbedding.Resampling) -> [Taps] {
    (0..<new).map { index in
      switch resampling {
      case .antialiased:
        let scale = Double(old) / Double(new)
        let width = max(scale, 1)
        let center = scale * (Double(index) + 0.5)
        let first = max(Int(center - 2 * width + 0.5), 0)
        let end = min(Int(center + 2 * width + 0.5), old)
        let weights = (first..<end).map { cubic((Double($0) + 0.5 - center) / width, a: -0.5) }
        let sum = weights.reduce(0, +)
        return Taps(first: first, weights: weights.map { $0 / sum })
      case .alignedCorners:
        let place = new > 1 ? Double(index) * Double(old - 1) / Double(new - 1) : 0
        let first = Int(place) - 1
        return Taps(first: first, weights: (first..<first + 4).map { cubic(Double($0) - place, a: -0.75) })
      }
    }
  }

  /// Keys' cubic convolution kernel (1981).
  private static func cubic(_ x: Double, a: Double) -> Double {
    let x = abs(x)
    if x < 1 { return ((a + 2) * x - (a + 3)) * x * x + 1 }
    return x < 2 ? ((a * x - 5 * a) * x + 8 * a) * x - 4 * a : 0
  }
}

/// Tables that depend on the size of a layer's map, computed when a size is first seen.
final class SizedTables: @unchecked Sendable {
  private struct Key: Hashable {
    let node: Int
    let height: Int
    let width: Int
  }

  private let lock = Condition()
  private var tables: [Key: Tensor] = [:]
  /// Sizes of which tables are kept; a sweep over sizes must not fill the memory.
  private static let most = 256

  /// A layer's table for maps of the given size; `make` is called once.
  func table(node: Int, height: Int, width: Int, _ make: () -> Tensor) -> Tensor {
    lock.withLock {
      let key = Key(node: node, height: height, width: width)
      if let table = tables[key] { return table }
      if tables.count >= Self.most { tables.removeAll() }
      let table = make()
      tables[key] = table
      return table
    }
  }
}
