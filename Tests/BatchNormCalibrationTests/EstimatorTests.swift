import Foundation
import Statistics
import NetworkExecution
import Testing

@testable import BatchNormCalibration

/// Two batches of one channel, [1, 2, 3] and [10, 14]: every expected value below is worked out by hand.
@Suite struct EstimatorTests {
  static let batches = [
    ChannelMoments(count: 3, mean: [2], m2: [2]),
    ChannelMoments(count: 2, mean: [12], m2: [8]),
  ]

  func statistics(_ estimator: Estimator) -> RunningStatistics {
    var running = estimator.make(channels: 1)
    for batch in Self.batches { running.add(batch) }
    return running.statistics
  }

  @Test func pooledIsThePopulation() {
    // Values 1 2 3 10 14: mean 6, squared deviations 25 + 16 + 9 + 16 + 64 = 130.
    let result = statistics(.pooled)
    #expect(abs(result.mean[0] - 6) < 1e-15)
    #expect(abs(result.variance[0] - 26) < 1e-14)
  }

  @Test(arguments: [Estimator.batchMean, .torch])
  func averagesOfBatches(_ estimator: Estimator) {
    // Means 2 and 12; unbiased variances 1 and 8.
    let result = statistics(estimator)
    #expect(result == RunningStatistics(mean: [7], variance: [4.5]))
  }

  @Test func momentumStartsFromTheFirstBatch() {
    let result = statistics(.momentum)
    #expect(abs(result.mean[0] - 3) < 1e-15)
    #expect(abs(result.variance[0] - 1.7) < 1e-15)
    var half = Estimator.momentum.make(channels: 1, momentum: 0.5)
    for batch in Self.batches { half.add(batch) }
    #expect(half.statistics == RunningStatistics(mean: [7], variance: [4.5]))
  }

  @Test func farMeanKeepsItsSmallVariance() {
    // The case in which a mean of squares minus a squared mean gives 0.125 in single precision.
    let sigma = 0.05
    var running = Estimator.pooled.make(channels: 1)
    for batch in 0..<200 {
      let values = (0..<64).map { 1000 + sigma * (($0 + batch) % 2 == 0 ? 1 : -1) }
      let rows = values.map(Float.init)
      rows.withUnsafeBufferPointer {
        running.add(ChannelMoments.of(rows: $0.baseAddress!, count: 64, channels: 1))
      }
    }
    // The deviation that float32 can hold at 1000 is within 2^-14 of 0.05.
    #expect(abs(running.statistics.variance[0].squareRoot() - sigma) < 6.2e-5)
  }
}
