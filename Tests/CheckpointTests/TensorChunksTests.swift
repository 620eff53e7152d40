import Platform
import TestSupport
import Testing

@testable import Checkpoint

/// Tensors that are put together from boxes, against element by element.
@Suite struct TensorChunksTests {
  /// Numbers of the elements of a tensor, two bytes each.
  private static func value(_ shape: [Int]) -> TensorValue {
    let count = shape.reduce(1, *)
    return TensorValue(
      dtype: .u16, shape: shape, bytes: (0..<count).flatMap { [UInt8($0 & 0xFF), UInt8($0 >> 8)] })
  }

  /// Bytes that were asked of a chunk, in order.
  private final class Reads: @unchecked Sendable { var ranges: [[Range<Int>]] = [] }

  private static func chunks(
    _ value: TensorValue, _ boxes: [(offsets: [Int], sizes: [Int])], _ reads: Reads = Reads()
  ) -> [TensorChunk] {
    reads.ranges = boxes.map { _ in [] }
    return boxes.enumerated().map { index, box in
      let part = DistributedFolder.part(
        of: value, .init(rank: 0, offsets: box.offsets, sizes: box.sizes)
      ).bytes
      return TensorChunk(offsets: box.offsets, sizes: box.sizes) { offset, buffer in
        reads.ranges[index].append(offset..<offset + buffer.count)
        buffer.copyBytes(from: part[offset..<offset + buffer.count])
      }
    }
  }

  private static func read(_ chunks: TensorChunks, _ range: Range<Int>) throws -> [UInt8] {
    var bytes = [UInt8](repeating: 0xAA, count: range.count)
    try bytes.withUnsafeMutableBytes { try chunks.read(at: range.lowerBound, into: $0) }
    return bytes
  }

  @Test(
    arguments: [
      ([6], [([0], [2]), ([2], [4])]),
      ([4, 6], [([0, 0], [4, 2]), ([0, 2], [4, 3]), ([0, 5], [4, 1])]),
      ([4, 6], [([0, 0], [2, 6]), ([2, 0], [2, 3]), ([2, 3], [2, 3])]),
      // A tiling that no straight cut divides.
      (
        [3, 3],
        [([0, 0], [1, 2]), ([0, 2], [2, 1]), ([2, 1], [1, 2]), ([1, 0], [2, 1]), ([1, 1], [1, 1])]
      ),
      ([2, 3, 4], [([0, 0, 0], [2, 3, 1]), ([0, 0, 1], [2, 1, 3]), ([0, 1, 1], [2, 2, 3])]),
      ([2, 3, 4], [([0, 0, 0], [1, 3, 4]), ([1, 0, 0], [1, 2, 4]), ([1, 2, 0], [1, 1, 4])]), ([], [([], [])]),
    ] as [([Int], [([Int], [Int])])])
  func everyRangeIsThatOfTheWholeTensor(_ shape: [Int], _ boxes: [([Int], [Int])]) throws {
    let value = Self.value(shape)
    let chunks = try TensorChunks(
      Self.chunks(value, boxes.map { (offsets: $0.0, sizes: $0.1) }), shape: shape, width: 2)
    for start in 0...value.bytes.count {
      for end in start...value.bytes.count {
        #expect(try Self.read(chunks, start..<end) == Array(value.bytes[start..<end]))
      }
    }
  }

  /// Boxes from cutting at random, also with elements wider than a block's remainder.
  @Test func randomTilingsOfLargeTensors() throws {
    var generator = SeededSequence(seed: 3)
    for _ in 0..<20 {
      let shape = (0..<Int.random(in: 1...4, using: &generator)).map { _ in
        Int.random(in: 1...24, using: &generator)
      }
      var boxes: [(offsets: [Int], sizes: [Int])] = [(shape.map { _ in 0 }, shape)]
      for _ in 0..<12 {
        let index = Int.random(in: 0..<boxes.count, using: &generator)
        let dimension = Int.random(in: 0..<shape.count, using: &generator)
        var (first, second) = (boxes[index], boxes[index])
        guard first.sizes[dimension] > 1 else { continue }
        first.sizes[dimension] = Int.random(in: 1..<first.sizes[dimension], using: &generator)
        second.offsets[dimension] += first.sizes[dimension]
        second.sizes[dimension] -= first.sizes[dimension]
        boxes[index] = first
        boxes.append(second)
      }
      let value = Self.value(shape)
      let chunks = try TensorChunks(
        Self.chunks(value, boxes.shuffled(using: &generator)), shape: shape, width: 2)
      #expect(try Self.read(chunks, 0..<value.bytes.count) == value.bytes)
      let start = Int.random(in: 0...value.bytes.count, using: &generator)
      let end = Int.random(in: start...value.bytes.count, using: &generator)
      #expect(try Self.read(chunks, start..<end) == Array(value.bytes[start..<end]))
    }
  }

  /// Slices of the tensor in a row read every chunk from front to back, each byte once.
  @Test func slicesReadEveryChunkInOrder() throws {
    let value = Self.value([8, 12])
    let reads = Reads()
    let boxes = (0..<4).map { (offsets: [0, 3 * $0], sizes: [8, 3]) }
    let chunks = try TensorChunks(Self.chunks(value, boxes, reads), shape: [8, 12], width: 2)
    for start in stride(from: 0, to: value.bytes.count, by: 32) {
      _ = try Self.read(chunks, start..<start + 32)
    }
    for ranges in reads.ranges {
      #expect(ranges.first?.lowerBound == 0 && ranges.last?.upperBound == 48)
      #expect(zip(ranges, ranges.dropFirst()).allSatisfy { $0.upperBound == $1.lowerBound })
    }
  }

  @Test func emptyChunksAreLeftOut() throws {
    let value = Self.value([1, 3])
    let boxes = [(offsets: [0, 0], sizes: [1, 3]), (offsets: [1, 0], sizes: [0, 3])]
    let chunks = try TensorChunks(Self.chunks(value, boxes), shape: [1, 3], width: 2)
    #expect(try Self.read(chunks, 0..<6) == value.bytes)
    _ = try TensorChunks([], shape: [0, 5], width: 2)
  }

  @Test(
    arguments: [
      ([([0, 0], [2, 4]), ([1, 0], [3, 4])], TensorChunks.Fault.overlap([0, 0], [1, 0])),
      ([([0, 0], [4, 4]), ([0, 0], [4, 4])], .overlap([0, 0], [0, 0])),
      ([([0, 0], [4, 2]), ([0, 2], [3, 2])], .hole(missing: 2)), ([], .hole(missing: 16)),
      ([([0, 0], [4, 5])], .outside(offsets: [0, 0], sizes: [4, 5])),
      ([([1, 0], [4, 4])], .outside(offsets: [1, 0], sizes: [4, 4])),
      ([([5, 0], [0, 4])], .outside(offsets: [5, 0], sizes: [0, 4])),
      ([([-1, 0], [5, 4])], .outside(offsets: [-1, 0], sizes: [5, 4])),
      ([([0], [16])], .outside(offsets: [0], sizes: [16])),
      ([([0, 0], [.max, 4])], .outside(offsets: [0, 0], sizes: [.max, 4])),
      ([([.max, 0], [1, 4])], .outside(offsets: [.max, 0], sizes: [1, 4])),
    ] as [([([Int], [Int])], TensorChunks.Fault)])
  func refusesWhatDoesNotTile(_ boxes: [([Int], [Int])], _ fault: TensorChunks.Fault) {
    let chunks = boxes.map { TensorChunk(offsets: $0.0, sizes: $0.1) { _, _ in } }
    #expect(throws: fault) { try TensorChunks(chunks, shape: [4, 4], width: 2) }
  }

  /// A hundred thousand chunks in one row would be compared in pairs.
  @Test func refusesArrangementsThatTakeTooLong() {
    let chunks = (0..<100_000).map { TensorChunk(offsets: [0, $0], sizes: [2, 1]) { _, _ in } }
    #expect(throws: TensorChunks.Fault.tooMany(100_000)) {
      try TensorChunks(chunks, shape: [2, 100_000], width: 2)
    }
  }
}

/// A small generator with a seed, for tests.
private struct SeededSequence: RandomNumberGenerator {
  private var state: UInt64

  init(seed: UInt64) { state = seed }

  /// SplitMix64.
  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }
}
