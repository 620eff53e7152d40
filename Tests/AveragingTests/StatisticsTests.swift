import Checkpoint
import Statistics
import Testing

@testable import Averaging

/// Median, trimmed mean and the moments of SWAG.
@Suite struct StatisticsTests {
  let samples: Samples

  init() throws { samples = try Samples() }

  private func write(_ rows: [[Float]]) throws -> [String] {
    try rows.enumerated().map { index, values in
      try samples.write("m\(index)", values)
      return "m\(index)"
    }
  }

  @Test func medianOfOddAndEvenCounts() throws {
    let rows: [[Float]] = [[5, -1], [1, -1], [100, 3], [2, 8]]
    #expect(try samples.average(write(rows), Median()).value("w").floats() == [3.5, 1])
    #expect(try samples.average(write(Array(rows[..<3])), Median()).value("w").floats() == [5, -1])
    #expect(try samples.average(write(Array(rows[..<1])), Median()).value("w").floats() == [5, -1])
  }

  @Test func trimmedMeanDropsBothEnds() throws {
    // ⌊0.25·5⌋ = 1 at either end: (2 + 3 + 7)/3.
    let rows: [[Float]] = [[7], [-1000], [3], [1000], [2]]
    let trimmed = try TrimmedMean(trim: 0.25)
    #expect(try samples.average(write(rows), trimmed).value("w").floats() == [4])
    // ⌊0.1·5⌋ = 0: the mean.
    #expect(try samples.average(write(rows), TrimmedMean()).value("w").floats() == [Float(12.0 / 5)])
    expect(.parameterOutOfRange("trim", value: 0.5, range: "a number from 0, below 0.5")) {
      _ = try TrimmedMean(trim: 0.5)
    }
  }

  @Test func medianSortsManyLargeTensors() throws {
    var generator = SeededGenerator(seed: 3)
    let count = 30_011
    let rows = (0..<21).map { _ in (0..<count).map { _ in Float(generator.normal()) } }
    let expected = (0..<count).map { element in rows.map { $0[element] }.sorted()[10] }
    let names = try write(rows)
    for kernel in KernelTests.kernels {
      #expect(try samples.average(names, Median(), kernel: kernel).value("w").floats() == expected)
    }
  }

  @Test func notANumberIsNotSortedAway() throws {
    let names = try write([[1, 2], [1, .nan], [1, 3]])
    #expect(throws: AveragingError.self) { _ = try samples.average(names, Median()) }
  }

  @Test func swagMoments() throws {
    // Element 0: 1, 3, 8 with mean 4 and variance (9 + 1 + 16)/3. Deviations of the running mean: 0, 1, 4.
    let names = try write([[1, 5], [3, 5], [8, 5]])
    let swag = try GaussianMoments(rank: 2)
    let timeline = try Timeline(names: names)
    let plan = try AveragingPlan(
      try samples.series(names), try swag.combination(of: timeline),
      companions: try swag.companions(of: timeline))
    let writer = try CheckpointWriter(
      to: .path(samples.folder.file("swag")), tensors: plan.entries.map(\.output), metadata: Metadata())
    try AveragingPass([plan]).run(into: [writer], pool: samples.pool)
    try writer.finish()
    let result = try openCheckpoint(.path(samples.folder.file("swag")))
    #expect(result.tensors.count == 4)
    #expect(try result.value("w").floats() == [4, 5])
    #expect(try result.value("w.swag_variance").floats() == [Float(26.0 / 3), 1e-30])
    #expect(try result.value("w.swag_deviation_0").floats() == [1, 0])
    #expect(try result.value("w.swag_deviation_1").floats() == [4, 0])
    expect(.tooFew(method: "swag", needed: 2, found: 1)) {
      _ = try swag.combination(of: Timeline(names: ["one"]))
    }
  }

  @Test func firstDeviationIsZeroAndCentredOnesAreNot() throws {
    let timeline = try Timeline(names: ["a", "b"])
    func deviations(_ method: GaussianMoments) throws -> [[Double]] {
      try method.companions(of: timeline).dropFirst().map {
        guard case .linear(let linear) = $0.combination else { return [] }
        return linear.weights
      }
    }
    #expect(try deviations(GaussianMoments()) == [[0, 0], [-0.5, 0.5]])
    #expect(try deviations(GaussianMoments(isCentered: true)) == [[0.5, -0.5], [-0.5, 0.5]])
  }

  /// Mean 1 and σ 1e-4: the difference of mean square and squared mean has no digit left in float32.
  @Test func varianceKeepsItsDigits() throws {
    var generator = SeededGenerator(seed: 5)
    let rows = (0..<20).map { _ in (0..<100).map { _ in Float(1 + 1e-4 * generator.normal()) } }
    let names = try write(rows)
    let plan = try AveragingPlan(try samples.series(names), .variance(inputs: 0..<20, floor: 1e-30))
    let writer = try CheckpointWriter(
      to: .path(samples.folder.file("var")), tensors: plan.entries.map(\.output), metadata: Metadata())
    try AveragingPass([plan]).run(into: [writer], pool: samples.pool)
    try writer.finish()
    let found = try openCheckpoint(.path(samples.folder.file("var"))).value("w").doubles()
    for element in 0..<100 {
      let values = rows.map { Double($0[element]) }
      let mean = values.reduce(0, +) / 20
      let expected = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / 20
      #expect(abs(found[element] - expected) <= 1e-6 * expected)
    }
  }
}
