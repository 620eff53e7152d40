import Checkpoint
import Platform
import Statistics
import Testing

@testable import Averaging

@Suite struct DriftTests {
  let samples: Samples

  init() throws { samples = try Samples() }

  @Test func distancesOfAPath() throws {
    try samples.write("a", [0, 0])
    try samples.write("b", [3, 4])
    try samples.write("c", [3, 4])
    let report = try DriftReport(try samples.series(["a", "b", "c"]), pool: samples.pool)
    #expect(report.tensors.map(\.name) == ["w"])
    let row = report.rows[0]
    #expect(row.norms == [0, 5, 5])
    #expect(row.drift == [5, 0])
    // From the mean of the other two: (3, 4), (1.5, 2), (1.5, 2).
    #expect(zip(row.distances, [5, 2.5, 2.5]).allSatisfy { abs($0 - $1) < 1e-12 })
    #expect(report.model == row)
  }

  @Test func sumsDoNotDependOnThreads() throws {
    for (seed, name) in ["a", "b", "c"].enumerated() {
      var generator = SeededGenerator(seed: UInt64(seed))
      try samples.write(name, (0..<100_003).map { _ in Float(generator.normal()) })
    }
    let series = try samples.series(["a", "b", "c"])
    let reports = try [1, 2, 5].map { try DriftReport(series, pool: ThreadPool(threads: $0)).rows }
    #expect(reports[0] == reports[1])
    #expect(reports[0] == reports[2])
    // Two independent standard normal vectors are √(2n) apart.
    #expect(abs(reports[0][0].drift[0] / (2 * 100_003.0).squareRoot() - 1) < 0.02)
  }

  @Test func aStrayCheckpointStandsOutAndASteadyPathDoesNot() throws {
    var generator = SeededGenerator(seed: 1)
    var position = [Float](repeating: 0, count: 50)
    var names: [String] = []
    for index in 0..<12 {
      for element in position.indices { position[element] += 0.3 + Float(generator.normal()) }
      names.append("m\(index)")
      try samples.write(names[index], position)
    }
    #expect(try DriftReport(try samples.series(names), pool: samples.pool).model.outliers == [])
    try samples.write("m7", position.map { $0 * 20 })
    let outliers = try DriftReport(try samples.series(names), pool: samples.pool).model.outliers
    #expect(outliers.map(\.checkpoint) == [7])
    #expect(outliers[0].ratio > 3)
  }

  @Test func countersAreLeftOutAndStatisticsAreNotInTheTotal() throws {
    for (name, value) in [("a", Float(1)), ("b", 2)] {
      try samples.write(
        name,
        [
          ("bn.running_var", TensorValue(f32: [value * 1000], shape: [1])),
          ("bn.num_batches_tracked", TensorValue(i64: [Int64(value)], shape: [])),
          ("w", TensorValue(f32: [value], shape: [1])),
        ])
    }
    let report = try DriftReport(try samples.series(["a", "b"]), pool: samples.pool)
    #expect(Set(report.tensors.map(\.name)) == ["bn.running_var", "w"])
    #expect(report.model.drift == [1])
  }
}
