import Checkpoint
import Testing

@testable import Averaging

/// Names that differ between files: wrappers' prefixes, and tensors that only some have.
@Suite struct KeyTests {
  let samples: Samples

  init() throws { samples = try Samples() }

  private func vector(_ value: Float) -> TensorValue { TensorValue(f32: [value], shape: [1]) }

  @Test(arguments: ["module.", "_orig_mod.", "module._orig_mod.", "_orig_mod.module.module."])
  func wrappersAreTakenOff(prefix: String) throws {
    try samples.write("a", [("fc.weight", vector(1)), ("module.bias", vector(1))])
    try samples.write(
      "b", [(TensorName(prefix + "fc.weight"), vector(3)), (TensorName(prefix + "module.bias"), vector(5))])
    let average = try samples.average(["a", "b"], Mean())
    #expect(try average.value("fc.weight").floats() == [2])
    #expect(try average.value("module.bias").floats() == [3])
    #expect(try samples.series(["b"]).members[0].prefix == prefix)
  }

  @Test func digestsOfPrefixedFilesAreRight() throws {
    try samples.write("a", [("module.w", vector(1)), ("module.n", TensorValue(i64: [1], shape: []))])
    let series = try samples.series(["a"])
    let plan = try AveragingPlan(series, .linear(.only(0, of: 1)))
    let writer = try CheckpointWriter(
      to: .path(samples.folder.file("out")), tensors: plan.entries.map(\.output), metadata: Metadata())
    let digests = try AveragingPass([plan]).run(into: [writer], digests: true, pool: samples.pool)
    #expect(try digests == [series.members[0].digest()])
    writer.abort()
  }

  /// An AveragedModel of three models with mean 2 and one more model of 6: (3·2 + 6)/4.
  @Test func averagedModelCountsAsItsModels() throws {
    try samples.write("a", [("n_averaged", TensorValue(i64: [3], shape: [])), ("module.w", vector(2))])
    try samples.write("b", [("w", vector(6))])
    let series = try samples.series(["a", "b"])
    #expect(series.tensors.map(\.name) == ["w"])
    #expect(series.members.map(\.modelCount) == [3, 1])
    let timeline = try Timeline(names: ["a", "b"], modelCounts: series.members.map(\.modelCount))
    guard case .linear(let linear) = try Mean().combination(of: timeline) else { return }
    #expect(linear.weights == [0.75, 0.25])
  }

  @Test func aCounterOfTheModelItselfStays() throws {
    try samples.write("a", [("n_averaged", TensorValue(i64: [3], shape: [])), ("w", vector(2))])
    let member = try samples.series(["a"]).members[0]
    #expect(Set(member.tensors.map(\.name)) == ["w", "n_averaged"])
    #expect(member.modelCount == 1)
  }

  @Test func intersectionAndUnion() throws {
    try samples.write("a", [("w", vector(1)), ("old", vector(1))])
    try samples.write("b", [("w", vector(2)), ("new", vector(10))])
    try samples.write("c", [("w", vector(6)), ("new", vector(20))])
    let sources = try ["a", "b", "c"].map { try openCheckpoint(.path(samples.folder.file($0))) }
    let ema = LinearCombination.movingAverage(decays: [0, 0.5, 0.5])  // 0.25, 0.25, 0.5

    func average(_ keys: KeyPolicy) throws -> any CheckpointSource {
      let plan = try AveragingPlan(try Series(sources, keys: keys), .linear(ema))
      let writer = try CheckpointWriter(
        to: .path(samples.folder.file("out")), tensors: plan.entries.map(\.output), metadata: Metadata())
      try AveragingPass([plan]).run(into: [writer], pool: samples.pool)
      try writer.finish()
      return try openCheckpoint(.path(samples.folder.file("out")))
    }
    let both = try average(.intersection)
    #expect(both.tensors.map(\.name) == ["w"])
    #expect(try both.value("w").floats() == [3.75])
    let all = try average(.union)
    #expect(try all.value("w").floats() == [3.75])
    #expect(try all.value("old").floats() == [1])
    #expect(try all.value("new").floats() == [Float((0.25 * 10 + 0.5 * 20) / 0.75)])
    expect(.unionNeedsWeights("new")) {
      _ = try AveragingPlan(try Series(sources, keys: .union), .trimmedMean(inputs: 0..<3, trim: 1))
    }
  }
}
