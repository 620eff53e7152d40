import Foundation
import NetworkExecution
import Testing

@testable import BatchNormCalibration

@Suite struct LayerDriftTests {
  @Test func rootMeanSquareOverChannels() {
    let old = RunningStatistics(mean: [0, 1], variance: [4, 1])
    let new = RunningStatistics(mean: [6, 1], variance: [4, exp(2)])
    let drift = LayerDrift(layer: "bn1", old: old, new: new, eps: 0)
    // Shifts 3 and 0 standard deviations, logarithms 0 and 2.
    #expect(abs(drift.meanShift - 4.5.squareRoot()) < 1e-12)
    #expect(abs(drift.logVarianceRatio - 2.0.squareRoot()) < 1e-12)
    #expect(drift.constantChannels == 0)
  }

  @Test func countsConstantChannels() {
    let old = RunningStatistics(mean: [0, 0], variance: [1, 1])
    let new = RunningStatistics(mean: [0, 0], variance: [0, 1])
    #expect(LayerDrift(layer: "bn1", old: old, new: new, eps: 1e-5).constantChannels == 1)
  }
}
