import Checkpoint
import Testing

@testable import Averaging

@Suite struct SeriesTests {
  let samples: Samples

  init() throws { samples = try Samples() }

  private func layer(_ value: Float, tracked: Int64) -> [(name: TensorName, value: TensorValue)] {
    [
      ("bn.weight", TensorValue(f32: [value], shape: [1])),
      ("bn.running_mean", TensorValue(f32: [value], shape: [1])),
      ("bn.running_var", TensorValue(f32: [value], shape: [1])),
      ("bn.num_batches_tracked", TensorValue(i64: [tracked], shape: [])),
      ("mask", TensorValue(dtype: .bool, shape: [2], bytes: [UInt8(tracked), 0])),
    ]
  }

  @Test func buffersAreTheLatest() throws {
    try samples.write("a", layer(2, tracked: 0))
    try samples.write("b", layer(4, tracked: 1))
    let average = try samples.average(["a", "b"], Mean())
    #expect(try average.value("bn.weight").floats() == [3])
    #expect(try average.value("bn.running_mean").floats() == [4])
    #expect(try average.value("bn.running_var").floats() == [4])
    #expect(try average.value("bn.num_batches_tracked") == TensorValue(i64: [1], shape: []))
    #expect(try average.value("mask").bytes == [1, 0])
    #expect(average.metadata["ckpt.bn"] == "stale")
  }

  @Test func averagedBuffersAreTheFloatingOnes() throws {
    try samples.write("a", layer(2, tracked: 0))
    try samples.write("b", layer(4, tracked: 1))
    let average = try samples.average(["a", "b"], Mean(), options: .init(buffers: .average))
    #expect(try average.value("bn.running_var").floats() == [3])
    #expect(try average.value("bn.num_batches_tracked") == TensorValue(i64: [1], shape: []))
    #expect(average.metadata["ckpt.bn"] == "stale")
  }

  @Test func oneModelKeepsItsStatistics() throws {
    try samples.write("a", layer(2, tracked: 0))
    try samples.write("b", layer(4, tracked: 1))
    let plan = try AveragingPlan(try samples.series(["a", "b"]), .linear(.only(0, of: 2)))
    #expect(plan.latest == 0)
    #expect(!plan.makesBatchNormStale)
    #expect(plan.bytesToRead == 3 * 4 + 8 + 2)
  }

  @Test func namesTypesAndShapesMustAgree() throws {
    let w = TensorValue(f32: [1, 2], shape: [2])
    try samples.write("a", [("w", w)])
    try samples.write("more", [("w", w), ("x\n", w)])
    try samples.write("shape", [("w", TensorValue(f32: [1, 2], shape: [1, 2]))])
    try samples.write("dtype", [("w", try TensorValue(doubles: [1, 2], shape: [2], dtype: .f16))])
    let file = samples.folder.file
    expect(.extraTensor(file: file("more"), "x\n", reference: file("a"))) {
      _ = try samples.series(["a", "more"])
    }
    expect(.missingTensor(file: file("a"), "x\n", reference: file("more"))) {
      _ = try samples.series(["more", "a"])
    }
    expect(.mismatch(file: file("shape"), "w", expected: "F32 [2]", found: "F32 [1, 2]")) {
      _ = try samples.series(["a", "a", "shape"])
    }
    expect(.mismatch(file: file("dtype"), "w", expected: "F32 [2]", found: "F16 [2]")) {
      _ = try samples.series(["a", "dtype"])
    }
    let error = AveragingError.extraTensor(file: "b", "x\n", reference: "a")
    #expect(error.description == #"b: tensor "x\n": not in a"#)
  }

  @Test func notANumberIsNamed() throws {
    try samples.write("a", [("w", TensorValue(f32: Array(repeating: 1, count: 40_000), shape: [200, 200]))])
    var values = [Float](repeating: 1, count: 40_000)
    values[39_205] = -.infinity
    try samples.write("b", [("w", TensorValue(f32: values, shape: [200, 200]))])
    expect(.notFinite(file: samples.folder.file("b"), "w", index: [196, 5], value: -.infinity)) {
      _ = try samples.average(["a", "b"], Mean())
    }
    #expect(try samples.folder.listing() == ["a", "b"])
    let error = AveragingError.notFinite(file: "b", "w", index: [196, 5], value: -.infinity)
    #expect(error.description == #"b: tensor "w": element [196, 5] is -inf"#)
  }

  @Test func overflowIsAnErrorAndNeverClamped() throws {
    try samples.write("a", [70_000, 1])
    try samples.write("b", [70_000, 1])
    expect(.overflow("w", .f16, index: [0], value: 70_000)) {
      _ = try samples.average(["a", "b"], Mean(), options: .init(dtype: .f16))
    }
    #expect(
      try samples.average(["a", "b"], Mean(), options: .init(dtype: .bf16)).value("w").doubles() == [
        70_144, 1,
      ])
  }

  @Test func duplicatesAreFoundByContent() throws {
    try samples.write("a", [1, 2])
    try samples.write("b", [1, 3])
    try samples.write("last", [("w", TensorValue(f32: [1, 3], shape: [2]))], metadata: ["note": "copy"])
    try samples.series(["a", "b"]).refuseDuplicates()
    expect(.duplicate(file: samples.folder.file("last"), of: samples.folder.file("b"))) {
      try samples.series(["a", "b", "last"]).refuseDuplicates()
    }
  }

  @Test func metadataThatAgreesIsKept() throws {
    func write(_ name: String, _ metadata: [String: String]) throws {
      try samples.write(name, [("w", TensorValue(f32: [1], shape: [1]))], metadata: metadata)
    }
    try write("a", ["ckpt.arch": "resnet18", "ckpt.crop": "64", "format": "pt", "only": "a"])
    try write("b", ["ckpt.arch": "resnet18", "ckpt.crop": "72", "format": "np", "epoch": "2"])
    let plan = try AveragingPlan(
      try samples.series(["a", "b"]), .linear(LinearCombination(weights: [1, 1])))
    let merged = MergedMetadata(plan)
    #expect(merged.metadata == Metadata(["ckpt.arch": "resnet18", "format": "np", "epoch": "2"]))
    #expect(merged.dropped == ["ckpt.crop"])
  }
}
