import Checkpoint
import Foundation
import Platform
import Testing

@testable import Averaging

@Suite struct SamplingTests {
  let samples: Samples

  init() throws { samples = try Samples() }

  @Test func logarithmIsAccurate() {
    for value in [
      1e-300, 1e-12, 0.1, 0.5, 0.7071, 0.70711, 0.999999, 1, 1.000001, 1.4142135623730951, 1.5, 2, 1e10,
    ] {
      let expected = log(value)
      #expect(abs(PortableNormal.logarithm(value) - expected) <= 4e-16 * max(abs(expected), 1e-3), "\(value)")
    }
  }

  @Test func numbersAreStandardNormal() {
    var normal = PortableNormal(key: [1, 2])
    let values = (0..<200_000).map { _ in normal.next() }
    let mean = values.reduce(0, +) / 2e5
    let variance = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / 2e5
    let kurtosis = values.reduce(0) { $0 + pow($1 - mean, 4) } / 2e5 / (variance * variance)
    #expect(abs(mean) < 0.01 && abs(variance - 1) < 0.015 && abs(kurtosis - 3) < 0.06)
    #expect(abs(values.filter { $0 < -1.6448536 }.count - 10_000) < 400)
  }

  /// A Gaussian with mean 10, variance 4 and two deviations, 3 and -3 everywhere.
  private func writeGaussian(_ count: Int, dtype: DType = .f32) throws {
    func vector(_ value: Double) throws -> TensorValue {
      try TensorValue(doubles: Array(repeating: value, count: count), shape: [count], dtype: dtype)
    }
    try samples.write(
      "swag",
      [
        ("w", try vector(10)), ("w.swag_variance", try vector(4)), ("w.swag_deviation_0", try vector(3)),
        ("w.swag_deviation_1", try vector(-3)), ("steps", TensorValue(i64: [7], shape: [])),
      ], metadata: ["ckpt.swag_rank": "5"])
  }

  private func draw(
    _ number: Int, threads: Int = 2, _ change: (inout GaussianSampler.Options) -> Void = { _ in }
  )
    throws -> [Double]
  {
    let sampler = try GaussianSampler(try openCheckpoint(.path(samples.folder.file("swag"))))
    #expect(Set(sampler.tensors.map(\.name)) == ["w", "steps"])
    var options = GaussianSampler.Options()
    change(&options)
    let writer = try CheckpointWriter(
      to: .path(samples.folder.file("drawn")), tensors: sampler.tensors, metadata: Metadata())
    try sampler.draw(number, options, to: writer, pool: ThreadPool(threads: threads))
    try writer.finish()
    let drawn = try openCheckpoint(.path(samples.folder.file("drawn")))
    #expect(try drawn.value("steps") == TensorValue(i64: [7], shape: []))
    return try drawn.value("w").doubles()
  }

  private func moments(_ values: [Double]) -> (mean: Double, variance: Double) {
    let mean = values.reduce(0, +) / Double(values.count)
    return (mean, values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(values.count))
  }

  @Test func momentsOfADiagonalDraw() throws {
    try writeGaussian(100_000)
    for (scale, variance) in [(0.5, 2.0), (1, 4)] {
      let (mean, found) = moments(
        try draw(0) {
          $0.isDiagonal = true
          $0.scale = scale
        })
      #expect(abs(mean - 10) < 0.03)
      #expect(abs(found - variance) < 0.03 * variance)
    }
    #expect(try draw(0) { $0.scale = 0 }.allSatisfy { $0 == 10 })
  }

  /// Deviations move all parameters together, by 3·(z - z')/√(K - 1): K is 2 in the paper's way, 5 in the code's.
  @Test func deviationsAreShared() throws {
    try writeGaussian(20_000)
    let diagonal = try draw(1) { $0.isDiagonal = true }
    func shift(_ scaling: GaussianSampler.Scaling) throws -> Double {
      let shifts = zip(try draw(1) { $0.scaling = scaling }, diagonal).map { $0 - $1 }
      #expect(shifts.allSatisfy { abs($0 - shifts[0]) < 1e-5 })
      return shifts[0]
    }
    let paper = try shift(.paper)
    #expect(abs(paper) > 1e-3)
    #expect(abs(try shift(.code) - paper / 2) < 1e-5)
  }

  @Test func drawsFollowFromSeedAndNumberAlone() throws {
    try writeGaussian(30_000)
    let first = try draw(3, threads: 1)
    #expect(try draw(3, threads: 4) == first)
    #expect(try draw(4) != first)
    #expect(try draw(3) { $0.seed = 1 } != first)
    // As an independent program draws them; another machine must draw the same.
    #expect(first.prefix(3).map { Float($0) } == SamplingTests.pinned)
  }

  static let pinned: [Float] = [7.133107, 7.6251082, 6.916246]

  @Test func otherFilesAreRefused() throws {
    try samples.write("swag", [1, 2])
    expect(.notAGaussian(file: samples.folder.file("swag"), reason: "no tensor has variances")) {
      _ = try GaussianSampler(try openCheckpoint(.path(samples.folder.file("swag"))))
    }
  }
}
