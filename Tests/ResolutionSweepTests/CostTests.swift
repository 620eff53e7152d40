import Checkpoint
import ImageData
import NetworkExecution
import Platform
import Statistics
import TestSupport
import Testing

@testable import Evaluation
@testable import ResolutionSweep

/// Cost of inference: latencies, budgets and the Pareto front.
@Suite struct CostTests {
  @Test func aLatencyIsMedianAndPercentileOfItsRuns() {
    let fifty = Latency(of: (1...50).reversed().map(Double.init))
    #expect(fifty == Latency(median: 25.5, percentile95: 48))
    #expect(Latency(of: [3, 1, 2]) == Latency(median: 2, percentile95: 3))
    #expect(Latency(of: [7]) == Latency(median: 7, percentile95: 7))
  }

  @Test func settingsOfTheSameWorkShareAMeasurement() throws {
    let source = try openCheckpoint(.path(Fixtures.path("run/epoch-104.safetensors")))
    let network = try Network(source, pool: ThreadPool(threads: 1))
    let dataset = try openDataset(Fixtures.path("digits/val"))
    func setting(_ resize: Int, _ crop: Int, _ views: CropViews = .center) -> Setting {
      Setting(preprocessing: Preprocessing(resize: resize, crop: crop), views: views)
    }
    var recalibrated = setting(56, 48)
    recalibrated.batchNorm = .recalibrated
    var measured = 0
    let latencies = try Evaluator.latencies(
      of: [setting(56, 48), setting(64, 48), recalibrated, setting(64, 56), setting(56, 48, .flip)],
      [network], on: dataset, onSetting: { measured += 1 })
    #expect(measured == 5)
    #expect(latencies[1] == latencies[0] && latencies[2] == latencies[0])
    #expect(latencies[3] != latencies[0] && latencies[4] != latencies[0])
    #expect(latencies.allSatisfy { $0.median > 0 && $0.percentile95 >= $0.median })
  }

  @Test func theFrontIsWhatNothingDominates() {
    var generator = SeededGenerator(seed: 3, for: "front")
    for count in 1...40 {
      // Few values, so that ties are many.
      let costs = (0..<count).map { _ in Double(generator.integer(below: 6)) }
      let values = (0..<count).map { _ in Double(generator.integer(below: 6)) }
      let expected = (0..<count).filter { one in
        !(0..<count).contains { other in
          values[other] >= values[one] && costs[other] <= costs[one]
            && (values[other] > values[one] || costs[other] < costs[one])
        }
      }
      let front = paretoFront(costs: costs, values: values)
      #expect(front.sorted() == expected)
      #expect(zip(front, front.dropFirst()).allSatisfy { costs[$0] <= costs[$1] })
    }
    #expect(paretoFront(costs: [], values: []).isEmpty)
  }

  /// Three settings of rising accuracy and multiply-adds, of which the second has the highest latency.
  private func report(budget: Budget?, latencies: [Latency]?) throws -> SweepReport {
    let settings = [48, 56, 64].map { Setting(preprocessing: Preprocessing(resize: $0, crop: $0)) }
    var measured = Measurements(settings: settings, images: Array(0..<20), multiplyAdds: [10, 20, 30])
    for (index, right) in [10, 12, 14].enumerated() {
      for image in 0..<20 {
        measured.outcomes[index].append(
          Outcome(
            predicted: image < right ? 1 : 0, rank: image < right ? 0 : 1, loss: 1, confidence: 0.5, label: 1,
            brierScore: 0.5))
      }
    }
    return try SweepReport(
      measured, latencies: latencies, dataset: "val", checkpoints: ["a.safetensors"],
      request: .init(
        method: .none, rule: SelectionRule(preference: .accuracy, replicates: 50), budget: budget))
  }

  private let latencies = [(1.0, 2.0), (4, 5), (3, 9)].map { Latency(median: $0.0, percentile95: $0.1) }

  @Test func theFrontGoesByMultiplyAddsUnlessLatenciesWereMeasured() throws {
    let plain = try report(budget: nil, latencies: nil)
    #expect(plain.cost == .multiplyAdds && plain.paretoFront == [0, 1, 2])
    let timed = try report(budget: nil, latencies: latencies)
    #expect(timed.cost == .milliseconds && timed.paretoFront == [0, 2])
    #expect(timed.rows.compactMap(\.latency) == latencies)
    #expect(timed.verdict == plain.verdict)
    #expect(plain.checkpoints == ["a"])
  }

  @Test func budgetsAreInEitherMeasure() throws {
    #expect(try report(budget: .multiplyAdds(20), latencies: nil).verdict.chosen == 1)
    #expect(try report(budget: .multiplyAdds(20), latencies: latencies).verdict.chosen == 1)
    #expect(try report(budget: .milliseconds(3), latencies: latencies).verdict.chosen == 2)
    #expect(try report(budget: .milliseconds(2.5), latencies: latencies).verdict.chosen == 0)
    #expect(throws: SweepError.beyondBudget(.milliseconds(0.5), cheapest: 1)) {
      try report(budget: .milliseconds(0.5), latencies: latencies)
    }
    #expect(
      SweepError.beyondBudget(.milliseconds(0.5), cheapest: 1).description
        == "no setting costs at most 0.5 ms; the cheapest measured on all images costs 1 ms")
  }
}
