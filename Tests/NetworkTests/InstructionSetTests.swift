import CNetworkKernels
import Platform
import Statistics
import TensorMath
import Testing

@testable import NetworkExecution
@testable import NetworkGraphs

/// Every instruction set's own kernels, with and without Winograd's transforms, against the plain path, products by BLAS.
struct InstructionSetTests {
  static let sets = [CK_AVX2, CK_AVX512].filter { ck_layer_kernels_for($0) != nil }

  static func pixels(_ shape: [Int]) -> Tensor {
    var generator = SeededGenerator(seed: 31)
    return Tensor(shape: shape, values: (0..<shape.reduce(1, *)).map { _ in Float(generator.normal()) })
  }

  /// Small and large weights (which are divided among threads by output channel), maps narrower and wider than a tile,
  /// channel counts that do not fill a panel.
  static let checkpoints = [
    StateDictMaker.resNet(blocks: [1, 1, 1, 1], isBottleneck: false, base: 13),
    StateDictMaker.resNet(blocks: [1, 2], isBottleneck: false, base: 96),
    StateDictMaker.resNet(blocks: [1, 1], isBottleneck: true, base: 48),
    StateDictMaker.resNet(blocks: [2, 1], isBottleneck: true, base: 16, groups: 4, width: 16),
  ]

  @Test(arguments: sets.flatMap { set in ConvolutionSums.allCases.map { (set, $0) } }, [0, 1, 2, 3])
  func agreesWithThePlainPath(way: (set: ck_isa, sums: ConvolutionSums), index: Int) throws {
    let checkpoint = Self.checkpoints[index]
    let pool = ThreadPool(threads: 3)
    func network(_ set: ck_isa) throws -> Network {
      try Network(checkpoint, pool: pool, options: ComputeOptions(sums: way.sums, instructionSet: set))
    }
    let (plain, own) = (try network(CK_SCALAR), try network(way.set))
    for shape in [[3, 33, 47, 3], [2, 64, 56, 3]] {
      let input = Self.pixels(shape)
      let expected = try plain.logits(input).values.map(Double.init)
      #expect(ResNetTests.error(try own.logits(input).values, expected) < 2e-5)
      let batch = try plain.forwardWithBatchStatistics(input) { _, _ in }
      let found = try own.forwardWithBatchStatistics(input) { _, _ in }
      #expect(ResNetTests.error(found.values, batch.values.map(Double.init)) < 2e-4)
    }
  }

  @Test(arguments: sets.flatMap { set in ConvolutionSums.allCases.map { (set, $0) } }, [0, 1, 2, 3])
  func sameBitsForAnyThreadsAndBatches(way: (set: ck_isa, sums: ConvolutionSums), index: Int) throws {
    try Self.expectSameBits { threads in
      try Network(
        Self.checkpoints[index], pool: ThreadPool(threads: threads),
        options: ComputeOptions(sums: way.sums, instructionSet: way.set))
    }
  }

  /// One thread and three, all images at once and one by one.
  /// - Parameter network: Makes the network for a number of threads.
  static func expectSameBits(_ network: (_ threads: Int) throws -> Network) throws {
    let shape = [3, 33, 47, 3]
    let input = pixels(shape)
    let perImage = input.count / 3
    let expected = try network(1).logits(input).values
    let three = try network(3)
    #expect(try three.logits(input).values == expected)
    let single = try (0..<3).flatMap { image in
      let values = Array(input.values[image * perImage..<(image + 1) * perImage])
      return try three.logits(Tensor(shape: [1] + shape[1...], values: values)).values
    }
    #expect(single == expected)
  }
}
