import Checkpoint
import Foundation
import ImageData
import Platform
import TensorMath
import TestSupport
import Testing

@testable import NetworkExecution
@testable import NetworkGraphs

/// timm's test-time pooling, compared with what timm's own head made of the last checkpoint.
@Suite struct TestTimePoolingTests {
  private let golden: Golden
  private let network: Network

  init() throws {
    golden = try Golden("NetworkExecution/test-time-pool")
    network = try Network(
      openCheckpoint(.path(Fixtures.path(try #require(golden.source.metadata["checkpoint"])))),
      pool: ThreadPool(threads: 2))
  }

  private func input() throws -> Tensor {
    let paths = try golden.paths()
    let size = try #require(golden.source.metadata["crop"].flatMap { Int($0) })
    let view = Preprocessing(resize: size, crop: size)
    let input = Tensor(uninitialized: [paths.count, size, size, 3])
    for (index, path) in paths.enumerated() {
      view.apply(
        try RGBImage(
          decoding: Array(Data(contentsOf: URL(fileURLWithPath: Fixtures.path(path)))), item: path),
        into: input.pointer + index * size * size * 3)
    }
    return input
  }

  @Test(arguments: [1, 2, 3, 5]) func logitsAreTimms(window: Int) throws {
    let logits = try network.logits(input(), window: window).values.map(Double.init)
    #expect(relativeError(logits, try golden.doubles("window-\(window)")) < 1e-5)
  }

  @Test(arguments: [5, 7, 100]) func aWindowOverTheWholeMapIsOrdinaryPooling(window: Int) throws {
    let input = try input()
    let (pooled, plain) = try (network.logits(input, window: window), network.logits(input))
    #expect(relativeError(pooled.values.map(Double.init), plain.values.map(Double.init)) < 1e-6)
  }

  @Test func theMapShrinksWithTheInput() throws {
    #expect(try network.pooledMapSize(height: 136, width: 48)! == (5, 2))
    #expect(throws: NetworkError.self) { try network.pooledMapSize(height: 0, width: 48) }
  }

  @Test func otherStatisticsTakeThePlaceOfTheStored() throws {
    let input = try input()
    let stored = try network.batchNorms.map {
      RunningStatistics(
        mean: try network.parameter($0.runningMeanKey).doubles(),
        variance: try network.parameter($0.runningVarKey).doubles())
    }
    #expect(stored == network.runningStatistics)
    #expect(network.fits(stored))
    #expect(try network.logits(input, statistics: stored).values == network.logits(input).values)
    var other = stored
    other[3].variance = other[3].variance.map { 2 * $0 }
    #expect(try network.logits(input, statistics: other).values != network.logits(input).values)
    #expect(
      try network.logits(input, window: 2, statistics: other).values
        != network.logits(input, window: 2, statistics: stored).values)
    other[0].mean.removeLast()
    #expect(!network.fits(other))
  }
}
