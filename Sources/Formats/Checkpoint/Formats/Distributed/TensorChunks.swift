import Platform

/// A box of elements of a tensor that is stored in one piece, row-major.
struct TensorChunk: Sendable {
  /// First element along every dimension.
  var offsets: [Int]
  /// Elements along every dimension.
  var sizes: [Int]
  /// Reads the chunk's bytes, counted from its first element.
  var reader: TensorReader

  /// Number of elements; the sizes are known to be within those of a tensor.
  var elementCount: Int { sizes.reduce(1, *) }
}

/// The chunks that make up a tensor, each element in exactly one of them.
///
/// The elements of a chunk that fall into a range of the whole tensor are neighbors in the chunk, because both are stored
/// row-major. A read therefore takes one contiguous piece of each chunk that it touches, of whatever dimension the tensor
/// was cut along, so that consecutive reads of the tensor read each file from front to back and each byte once.
struct TensorChunks: Sendable {
  /// Why chunks do not make up a tensor.
  enum Fault: Error, Equatable, CustomStringConvertible {
    /// A chunk of another rank, or that reaches beyond the tensor.
    case outside(offsets: [Int], sizes: [Int])
    /// Two chunks have an element in common; by their offsets.
    case overlap([Int], [Int])
    /// Elements that no chunk has.
    case hole(missing: Int)
    /// So many chunks that comparing them takes too long.
    case tooMany(Int)

    var description: String {
      switch self {
      case .outside(let offsets, let sizes): "has a chunk at \(offsets) of size \(sizes), beyond its shape"
      case .overlap(let first, let second): "has overlapping chunks at \(first) and \(second)"
      case .hole(let missing): "lacks \(missing) elements, which no chunk has"
      case .tooMany(let count): "has \(count) chunks in an arrangement that takes too long to check"
      }
    }
  }

  /// Comparisons of chunks that a check may take; 64 × 64 chunks of a matrix take 2¹⁸.
  private static let comparisonLimit = 1 << 26
  /// Bytes that are put in their places at a time.
  private static let blockBytes = 1 << 18

  /// Bytes of an element.
  private let width: Int
  private let layouts: [Layout]

  /// - Parameters:
  ///   - chunks: In any order; those without elements are left out.
  ///   - shape: Shape of the tensor, whose number of bytes does not overflow.
  ///   - width: Bytes of an element.
  /// - Throws: `Fault` unless the chunks tile the tensor exactly.
  init(_ chunks: [TensorChunk], shape: [Int], width: Int) throws(Fault) {
    self.width = width
    for chunk in chunks {
      guard chunk.offsets.count == shape.count, chunk.sizes.count == shape.count,
        shape.indices.allSatisfy({
          chunk.offsets[$0] >= 0 && chunk.sizes[$0] >= 0 && chunk.offsets[$0] <= shape[$0]
            && chunk.sizes[$0] <= shape[$0] - chunk.offsets[$0]
        })
      else { throw .outside(offsets: chunk.offsets, sizes: chunk.sizes) }
    }
    let filled = chunks.filter { !$0.sizes.contains(0) }
    try Self.checkDisjoint(filled)
    let total = shape.reduce(1, *)
    // Disjoint chunks within the tensor have no more elements than it has.
    let covered = filled.reduce(0) { $0 + $1.elementCount }
    guard covered == total else { throw .hole(missing: total - covered) }
    layouts = filled.map { Layout($0, shape: shape) }.sorted { $0.first < $1.first }
  }

  /// Compares every chunk with those that begin before its end along the first dimension.
  private static func checkDisjoint(_ chunks: [TensorChunk]) throws(Fault) {
    let sorted = chunks.sorted { $0.offsets.lexicographicallyPrecedes($1.offsets) }
    var active: [Int] = []
    var comparisons = 0
    for (index, chunk) in sorted.enumerated() {
      comparisons += active.count + 1
      guard comparisons <= comparisonLimit else { throw .tooMany(chunks.count) }
      if let row = chunk.offsets.first {
        active.removeAll { sorted[$0].offsets[0] + sorted[$0].sizes[0] <= row }
      }
      for other in active where overlap(sorted[other], chunk) {
        throw .overlap(sorted[other].offsets, chunk.offsets)
      }
      active.append(index)
    }
  }

  private static func overlap(_ a: TensorChunk, _ b: TensorChunk) -> Bool {
    a.offsets.indices.allSatisfy {
      a.offsets[$0] < b.offsets[$0] + b.sizes[$0] && b.offsets[$0] < a.offsets[$0] + a.sizes[$0]
    }
  }

  /// Reads bytes of the tensor.
  ///
  /// - Parameters:
  ///   - byteOffset: Offset from the start of the tensor; with `buffer` within it.
  ///   - buffer: Filled completely.
  func read(at byteOffset: Int, into buffer: UnsafeMutableRawBufferPointer) throws {
    var done = 0
    var scratch = Scratch()
    while done < buffer.count {
      let count = min(buffer.count - done, Self.blockBytes)
      let part = UnsafeMutableRawBufferPointer(rebasing: buffer[done..<done + count])
      try readBlock(at: byteOffset + done, into: part, &scratch)
      done += count
    }
  }

  private func readBlock(
    at byteOffset: Int, into buffer: UnsafeMutableRawBufferPointer, _ scratch: inout Scratch
  ) throws {
    let range = byteOffset..<byteOffset + buffer.count
    // A read may begin or end amid an element.
    let elements = range.lowerBound / width..<(range.upperBound + width - 1) / width
    for layout in layouts {
      if layout.first >= elements.upperBound { break }
      if layout.last < elements.lowerBound { continue }
      let part = layout.rank(of: elements.lowerBound)..<layout.rank(of: elements.upperBound)
      if part.isEmpty { continue }
      var from = part.lowerBound * width
      var to = part.upperBound * width
      // Only the first and the last element of the read can be cut.
      let start = layout.position(of: part.lowerBound) * width
      let end = (layout.position(of: part.upperBound - 1) + 1) * width
      if start < range.lowerBound { from += range.lowerBound - start }
      if end > range.upperBound { to -= end - range.upperBound }
      let target = max(start, range.lowerBound) - range.lowerBound
      if layout.runLength(at: part.lowerBound) >= part.count {
        try layout.reader(from, UnsafeMutableRawBufferPointer(rebasing: buffer[target..<target + to - from]))
        continue
      }
      let bytes = scratch.take(to - from)
      try layout.reader(from, bytes)
      scatter(bytes, of: layout, part, from: from, range, into: buffer)
    }
  }

  /// Copies neighbors in a chunk to their places.
  private func scatter(
    _ bytes: UnsafeMutableRawBufferPointer, of layout: Layout, _ part: Range<Int>, from: Int,
    _ range: Range<Int>, into buffer: UnsafeMutableRawBufferPointer
  ) {
    var rank = part.lowerBound
    while rank < part.upperBound {
      let run = min(layout.runLength(at: rank), part.upperBound - rank)
      let position = layout.position(of: rank) * width
      let start = max(position, range.lowerBound)
      let end = min(position + run * width, range.upperBound)
      let source = rank * width - from + (start - position)
      UnsafeMutableRawBufferPointer(rebasing: buffer[(start - range.lowerBound)..<(end - range.lowerBound)])
        .copyMemory(from: UnsafeRawBufferPointer(rebasing: bytes[source..<source + end - start]))
      rank += run
    }
  }

  /// Memory for pieces of chunks, kept from block to block.
  private struct Scratch: ~Copyable {
    private var memory: UnsafeMutableRawBufferPointer?

    deinit { memory?.deallocate() }

    mutating func take(_ count: Int) -> UnsafeMutableRawBufferPointer {
      if memory.map({ $0.count < count }) ?? true {
        memory?.deallocate()
        memory = .allocate(byteCount: max(count, TensorChunks.blockBytes), alignment: 64)
      }
      return UnsafeMutableRawBufferPointer(rebasing: memory![..<count])
    }
  }
}

/// The correspondence of the elements of a chunk and of the tensor, both counted row-major.
private struct Layout: Sendable {
  let reader: TensorReader
  /// Positions of the first and the last element.
  let first: Int
  let last: Int
  private let offsets: [Int]
  private let sizes: [Int]
  /// Elements between neighbors along a dimension, in the tensor and in the chunk.
  private let strides: [Int]
  private let chunkStrides: [Int]
  /// Elements of the chunk that are neighbors in the tensor, too.
  private let run: Int

  init(_ chunk: TensorChunk, shape: [Int]) {
    reader = chunk.reader
    offsets = chunk.offsets
    sizes = chunk.sizes
    var strides = [Int](repeating: 1, count: shape.count)
    var chunkStrides = strides
    for dimension in shape.indices.dropLast().reversed() {
      strides[dimension] = strides[dimension + 1] * shape[dimension + 1]
      chunkStrides[dimension] = chunkStrides[dimension + 1] * chunk.sizes[dimension + 1]
    }
    var run = 1
    for dimension in shape.indices.reversed() {
      run *= chunk.sizes[dimension]
      if chunk.sizes[dimension] != shape[dimension] { break }
    }
    self.run = run
    self.strides = strides
    self.chunkStrides = chunkStrides
    first = zip(chunk.offsets, strides).reduce(0) { $0 + $1.0 * $1.1 }
    last = zip(zip(chunk.offsets, chunk.sizes), strides).reduce(0) { $0 + ($1.0.0 + $1.0.1 - 1) * $1.1 }
  }

  /// Number of elements of the chunk that come before a position in the tensor.
  func rank(of position: Int) -> Int {
    // The number of elements of a scalar is not seen by the loop.
    if position <= first { return 0 }
    if position > last { return sizes.reduce(1, *) }
    var rest = position
    var rank = 0
    for dimension in sizes.indices {
      let (index, remainder) = rest.quotientAndRemainder(dividingBy: strides[dimension])
      rest = remainder
      if index < offsets[dimension] { return rank }
      if index >= offsets[dimension] + sizes[dimension] {
        return rank + sizes[dimension] * chunkStrides[dimension]
      }
      rank += (index - offsets[dimension]) * chunkStrides[dimension]
    }
    return rank
  }

  /// Position in the tensor of an element of the chunk.
  func position(of rank: Int) -> Int {
    var rest = rank
    var position = first
    for dimension in sizes.indices {
      let (index, remainder) = rest.quotientAndRemainder(dividingBy: chunkStrides[dimension])
      position += index * strides[dimension]
      rest = remainder
    }
    return position
  }

  /// Number of elements from this one on that are neighbors in the tensor, too.
  func runLength(at rank: Int) -> Int { run - rank % run }
}
