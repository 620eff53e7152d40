import Checkpoint
import Foundation
import Testing

@testable import Averaging

/// Tensors that all checkpoints agree on, and complex ones.
@Suite struct ConstantTensorTests {
  let samples: Samples

  init() throws { samples = try Samples() }

  /// A causal mask larger than a piece: zeros, then -∞.
  private static let mask: [Float] = (0..<90_000).map { $0 % 300 > $0 / 300 ? -.infinity : 0 }

  private func write(_ name: String, _ w: Float, _ mask: [Float]) throws {
    try samples.write(
      name,
      [
        ("w", TensorValue(f32: [w], shape: [1])),
        ("mask", TensorValue(f32: mask, shape: [300, mask.count / 300])),
      ])
  }

  @Test(arguments: [1, 3]) func masksGoThrough(threads: Int) throws {
    for (name, w) in [("a", 1.0), ("b", 2), ("c", 6)] { try write(name, Float(w), Self.mask) }
    let methods: [any AveragingMethod] = [
      Mean(), try ExponentialMovingAverage(), Median(), try TrimmedMean(trim: 0.4),
      try WeightedSum(weights: [1, 2, -1]),
    ]
    for method in methods {
      let average = try samples.average(["a", "b", "c"], method, threads: threads)
      #expect(try average.value("mask").floats() == Self.mask)
      #expect(try average.value("w").floats()[0].isFinite)
    }
    #expect(try samples.average(["a", "b", "c"], Mean(), threads: threads).value("w").floats() == [3])
    let half = try samples.average(["a", "b", "c"], Mean(), options: .init(dtype: .f16), threads: threads)
    #expect(try half.value("mask").floats() == Self.mask)
    // A single checkpoint agrees with itself.
    #expect(try samples.average(["a"], Mean(), threads: threads).value("mask").floats() == Self.mask)
  }

  @Test(arguments: [0, 89_999]) func masksThatDifferAreErrors(place: Int) throws {
    var other = Self.mask
    other[place] = 1
    try write("a", 1, Self.mask)
    try write("b", 2, other)
    for method in [Mean(), Median()] as [any AveragingMethod] {
      let error = #expect(throws: AveragingError.self) { _ = try samples.average(["a", "b"], method) }
      guard case .notFinite(_, "mask", _, -.infinity)? = error else {
        Issue.record("\(String(describing: error))")
        continue
      }
    }
  }

  /// What overflows beside the mask's infinities must not hide among them.
  @Test func overflowBesideAMaskIsAnError() throws {
    for name in ["a", "b"] { try samples.write(name, [-.infinity, 70_000]) }
    expect(.overflow("w", .f16, index: [1], value: 70_000)) {
      _ = try samples.average(["a", "b"], Mean(), options: .init(dtype: .f16))
    }
  }

  @Test func aBrokenModelIsNoConstant() throws {
    try samples.write("a", [1, .nan])
    #expect(throws: AveragingError.self) { _ = try samples.average(["a"], Mean()) }
  }

  /// (0.1 + 0.1 + 0.1)/3 is another float64 than 0.1.
  @Test func equalFloat64KeepTheirBits() throws {
    let value = try TensorValue(doubles: [0.1, 0.7], shape: [2], dtype: .f64)
    for name in ["a", "b", "c"] { try samples.write(name, [("w", value)]) }
    let methods: [any AveragingMethod] = [
      Mean(), try ExponentialMovingAverage(decay: 0.3), try TrimmedMean(trim: 0),
    ]
    for method in methods { #expect(try samples.average(["a", "b", "c"], method).value("w") == value) }
    for name in ["d", "e"] { try samples.write(name, [1.5, 2]) }
    let widened = try samples.average(["d", "e"], Mean(), options: .init(dtype: .f64))
    #expect(try widened.value("w").doubles() == [1.5, 2])
    let doubled = try samples.average(["a", "b"], WeightedSum(weights: [1, 1], isNormalized: false))
    #expect(try doubled.value("w").doubles() == [0.2, 1.4])
  }

  @Test func momentsOfAMaskAreZero() throws {
    for (name, w) in [("a", 1.0), ("b", 2), ("c", 6)] { try write(name, Float(w), Self.mask) }
    let method = try GaussianMoments(rank: 2)
    let timeline = try Timeline(names: ["a", "b", "c"])
    let plan = try AveragingPlan(
      try samples.series(["a", "b", "c"]), try method.combination(of: timeline),
      companions: try method.companions(of: timeline))
    let writer = try CheckpointWriter(
      to: .path(samples.folder.file("out")), tensors: plan.entries.map(\.output), metadata: Metadata())
    try AveragingPass([plan]).run(into: [writer], pool: samples.pool)
    try writer.finish()
    let result = try openCheckpoint(.path(samples.folder.file("out")))
    #expect(try result.value("mask").floats() == Self.mask)
    #expect(try result.value("mask.swag_variance").floats().allSatisfy { $0 <= 1e-30 })
    #expect(try result.value("mask.swag_deviation_1").floats().allSatisfy { $0 == 0 })
  }

  private func complex(_ parts: [Float]) -> TensorValue {
    TensorValue(dtype: .c64, shape: [parts.count / 2], bytes: parts.withUnsafeBytes { Array($0) })
  }

  @Test func complexTensorsAreAveragedByComponents() throws {
    try samples.write("a", [("w", complex([1, 10, 0, -1]))])
    try samples.write("b", [("w", complex([2, 20, 0, -2]))])
    try samples.write("c", [("w", complex([6, 60, 3, -9]))])
    let names = ["a", "b", "c"]
    #expect(try samples.average(names, Mean()).value("w") == complex([3, 30, 1, -4]))
    #expect(try samples.average(names, Median()).value("w") == complex([2, 20, 0, -2]))
    // There is no complex half.
    let half = try samples.average(names, Mean(), options: .init(dtype: .f16))
    #expect(try half.value("w") == complex([3, 30, 1, -4]))
    try samples.write("d", [("w", complex([6, .nan, 3, -9]))])
    let error = #expect(throws: AveragingError.self) { _ = try samples.average(["a", "d"], Mean()) }
    guard case .notFinite(_, "w", [0, 1], _)? = error else {
      Issue.record("\(String(describing: error))")
      return
    }
    let drift = try DriftReport(try samples.series(names), pool: samples.pool)
    #expect(drift.rows[0].drift[0] == (1 + 100 + 1.0).squareRoot())
  }

  @Test func largeComplexTensors() throws {
    for (index, name) in ["a", "b"].enumerated() {
      try samples.write(name, [("w", complex((0..<100_002).map { Float($0 * (index + 1)) }))])
    }
    for threads in [1, 3] {
      let average = try samples.average(["a", "b"], Mean(), threads: threads)
      #expect(try average.value("w") == complex((0..<100_002).map { Float($0) * 1.5 }))
    }
  }
}

/// Tensors that share their data.
@Suite struct TiedTensorTests {
  @Test func groupsWithACommonNameAreOne() {
    #expect(TiedTensors([["a", "b"], ["c", "d"], ["b", "e"]]).groups == [["a", "b", "e"], ["c", "d"]])
    #expect(TiedTensors([["a"], [], ["b", "b"]]).groups == [])
  }

  @Test func tiedInBoth() {
    let first = TiedTensors([["a", "b", "c", "d"], ["x", "y"]])
    #expect(
      first.intersection(TiedTensors([["b", "a"], ["d", "c"], ["x", "z"]])).groups == [
        ["a", "b"], ["c", "d"],
      ])
    #expect(first.intersection(TiedTensors([])).groups == [])
    #expect(first.intersection(first).groups == first.groups)
  }

  /// Groups used to multiply with every file.
  @Test func manyFilesWithManyTies() throws {
    let samples = try Samples()
    let names: [TensorName] = (0..<200).map { TensorName("t\($0)") }
    var metadata = Metadata()
    metadata.tiedTensors = stride(from: 0, to: 200, by: 2).map { [names[$0], names[$0 + 1]] }
    let text = try #require(metadata["ckpt.tied"])
    let files = (0..<60).map { "m\($0)" }
    for (index, file) in files.enumerated() {
      try samples.write(
        file, names.map { ($0, TensorValue(f32: [Float(index)], shape: [1])) }, metadata: ["ckpt.tied": text])
    }
    let clock = ContinuousClock()
    let start = clock.now
    let average = try samples.average(files, Mean())
    #expect(average.metadata["ckpt.tied"] == text)
    #expect(clock.now - start < .seconds(20))
  }
}

/// Tensors that are left out before anything is compared.
@Suite struct SelectionTests {
  @Test func headsOfAnotherShapeCanBeLeftOut() throws {
    let samples = try Samples()
    for (name, classes) in [("a", 10), ("b", 12)] {
      try samples.write(
        name,
        [
          ("body", TensorValue(f32: [Float(classes)], shape: [1])),
          ("head", TensorValue(f32: [Float](repeating: 0, count: classes), shape: [classes])),
        ])
    }
    #expect(throws: AveragingError.self) { _ = try samples.series(["a", "b"]) }
    let series = try samples.series(["a", "b"], isSelected: { $0 != "head" })
    #expect(series.tensors.map(\.name) == ["body"])
    let plan = try AveragingPlan(series, .linear(LinearCombination(weights: [1, 1], divisor: 2)))
    let writer = try CheckpointWriter(
      to: .path(samples.folder.file("out")), tensors: plan.entries.map(\.output), metadata: Metadata())
    let digests = try AveragingPass([plan]).run(into: [writer], digests: true, pool: samples.pool)
    try writer.finish()
    #expect(try openCheckpoint(.path(samples.folder.file("out"))).value("body").floats() == [11])
    #expect(try digests == series.members.map { try $0.digest() })
    expect(.noTensors) {
      _ = try AveragingPlan(
        try samples.series(["a", "b"], isSelected: { _ in false }), .linear(.only(0, of: 2)))
    }
    // The same body under two heads is no duplicate.
    try samples.write(
      "c", [("body", TensorValue(f32: [10], shape: [1])), ("head", TensorValue(f32: [1], shape: [1]))])
    try samples.series(["a", "c"], isSelected: { $0 != "head" }).refuseDuplicates()
  }

  /// Groups are a partition of the names, however many files repeat them: their number does not multiply.
  @Test(arguments: [26, 40]) func tiedPairsOfManyFilesStayPairs(_ count: Int) {
    let all = (0..<count).map { _ in TiedTensors([["a", "b"], ["c", "d"]]) }
    let shared = all.dropFirst().reduce(all[0]) { $0.intersection($1) }
    #expect(shared.groups == [["a", "b"], ["c", "d"]])
    var chains: [[TensorName]] = []
    for file in 0..<count {
      chains.append([TensorName("a\(file)"), TensorName("a\(file + 1)")])
      chains.append([TensorName("b\(file)"), TensorName("c\(file)")])
    }
    let joined = TiedTensors(chains)
    #expect(joined.groups.count == 1 + count)
    #expect(joined.groups.first?.count == count + 1)
  }
}
