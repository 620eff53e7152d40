import Checkpoint
import Foundation
import Statistics
import Testing

@testable import Averaging

@Suite struct AveragingPassTests {
  let samples: Samples

  init() throws { samples = try Samples() }

  @Test func meanIsExact() throws {
    try samples.write("a", [1, 2, -4])
    try samples.write("b", [2, 4, -8])
    try samples.write("c", [6, 6, 0])
    let average = try samples.average(["a", "b", "c"], Mean())
    #expect(try average.value("w").floats() == [3, 4, -4])
  }

  /// In float32 the sum of the first two would lose the 1.
  @Test func sumsAreFloat64() throws {
    try samples.write("a", [16_777_216])
    try samples.write("b", [1])
    try samples.write("c", [-16_777_216])
    #expect(try samples.average(["a", "b", "c"], Mean()).value("w").floats() == [Float(1.0 / 3)])
  }

  @Test func meanOfEqualModelsIsThatModel() throws {
    let values = (0..<500).map { Float(0.1) * Float($0) }
    for name in ["a", "b", "c"] { try samples.write(name, values) }
    #expect(try samples.average(["a", "b", "c"], Mean()).value("w").floats() == values)
  }

  /// 0.25·(0.25·8 + 0.75·4) + 0.75·16 = 13.25.
  @Test func movingAverage() throws {
    try samples.write("a", [8])
    try samples.write("b", [4])
    try samples.write("c", [16])
    let ema = try ExponentialMovingAverage(decay: 0.25)
    #expect(try samples.average(["a", "b", "c"], ema).value("w").floats() == [13.25])
  }

  @Test func bfloatIsSummedWideAndRoundedOnce() throws {
    // Ten values whose sum needs more than 8 bits: naive bfloat16 sums stop growing at 256.
    for index in 0..<10 {
      let value = try TensorValue(doubles: [256 + Double(index % 2) * 2], shape: [1], dtype: .bf16)
      try samples.write("m\(index)", [("w", value)])
    }
    let average = try samples.average((0..<10).map { "m\($0)" }, Mean())
    #expect(average.tensors[0].dtype == .bf16)
    // The mean 257 lies between 256 and 258: the even mantissa is 256's.
    #expect(try average.value("w").doubles() == [256])
  }

  @Test(arguments: [DType.f64, .f32, .f16, .bf16, .f8e4m3, .f8e5m2])
  func everyFloatTypeGoesThrough(_ dtype: DType) throws {
    for (name, value) in [("a", 1.0), ("b", 3.0)] {
      try samples.write(name, [("w", try TensorValue(doubles: [value, -value], shape: [2], dtype: dtype))])
    }
    let average = try samples.average(["a", "b"], Mean())
    #expect(average.tensors[0].dtype == dtype)
    #expect(try average.value("w").doubles() == [2, -2])
    for target in [DType.f64, .f32, .f16, .bf16] {
      let converted = try samples.average(["a", "b"], Mean(), options: .init(dtype: target))
      #expect(converted.tensors[0].dtype == target)
      #expect(try converted.value("w").doubles() == [2, -2])
    }
  }

  @Test func largeSmallEmptyAndScalarTensors() throws {
    // Slices end in the middle of the large tensor; small ones share a piece.
    func model(_ offset: Float) -> [(name: TensorName, value: TensorValue)] {
      [
        ("large", TensorValue(f32: (0..<70_001).map { Float($0 % 1000) + offset }, shape: [70_001])),
        ("empty", TensorValue(f32: [], shape: [0, 3])), ("scalar", TensorValue(f32: [offset], shape: [])),
        ("small", TensorValue(f32: [offset, 1], shape: [2])),
        ("counts", TensorValue(i64: [Int64(offset) + 1 << 40], shape: [1])),
      ]
    }
    try samples.write("a", model(0))
    try samples.write("b", model(4))
    for threads in [1, 3] {
      let average = try samples.average(["a", "b"], Mean(), threads: threads)
      #expect(try average.value("large").floats() == (0..<70_001).map { Float($0 % 1000) + 2 })
      #expect(try average.value("empty").shape == [0, 3])
      #expect(try average.value("scalar").floats() == [2])
      #expect(try average.value("small").floats() == [2, 1])
      #expect(try average.value("counts") == TensorValue(i64: [4 + 1 << 40], shape: [1]))
    }
  }

  @Test func manyInputsGoThroughInGroups() throws {
    let names = (1...37).map { "m\($0)" }
    for (index, name) in names.enumerated() { try samples.write(name, [Float(index), 1]) }
    #expect(try samples.average(names, Mean()).value("w").floats() == [18, 1])
    var expected = 0.0
    for index in 1..<37 { expected = 0.9 * expected + (1 - 0.9) * Double(index) }
    #expect(try samples.average(names, ExponentialMovingAverage()).value("w").floats()[0] == Float(expected))
  }

  @Test func bytesDoNotDependOnThreadsOrKernel() throws {
    for (seed, name) in ["a", "b", "c"].enumerated() {
      var generator = SeededGenerator(seed: UInt64(seed))
      try samples.write(name, (0..<100_003).map { _ in Float(generator.normal()) })
    }
    var results: Set<[UInt8]> = []
    // With many threads windows into the files would be too small, and data are read instead.
    for threads in [1, 2, 5, 64] {
      for kernel in KernelTests.kernels {
        let average = try samples.average(
          ["a", "b", "c"], ExponentialMovingAverage(), threads: threads, kernel: kernel)
        results.insert(try average.value("w").bytes)
      }
    }
    #expect(results.count == 1)
  }

  /// Pages of a mapped file that are no longer there must not end the process.
  @Test(arguments: [false, true]) func aFileThatShrinksIsAnError(digests: Bool) throws {
    let values = (0..<100_000).map { Float($0) }
    try samples.write("a", values)
    try samples.write("b", values)
    let series = try samples.series(["a", "b"])
    let plan = try AveragingPlan(series, .linear(LinearCombination(weights: [1, 1])))
    let writer = try CheckpointWriter(
      to: .path(samples.folder.file("out")), tensors: plan.entries.map(\.output), metadata: Metadata())
    let handle = try #require(FileHandle(forWritingAtPath: samples.folder.file("b")))
    try handle.truncate(atOffset: 200_000)
    let error = #expect(throws: CheckpointError.self) {
      try AveragingPass([plan]).run(into: [writer], digests: digests, pool: samples.pool)
    }
    guard case .fileShrank(samples.folder.file("b"), _)? = error else {
      Issue.record("\(String(describing: error))")
      return
    }
  }

  @Test func severalAveragesFromOneRead() throws {
    let names = ["a", "b", "c"]
    for (index, name) in names.enumerated() { try samples.write(name, [Float(1 << index)]) }
    let series = try samples.series(names)
    let plans = try [[1.0, 0, 0], [0, 1, 1], [1, 1, 1]].map {
      try AveragingPlan(series, .linear(LinearCombination(weights: $0)))
    }
    let writers = try plans.indices.map {
      try CheckpointWriter(
        to: .path(samples.folder.file("out\($0)")), tensors: plans[$0].entries.map(\.output),
        metadata: Metadata())
    }
    try AveragingPass(plans).run(into: writers, pool: samples.pool)
    for writer in writers { try writer.finish() }
    let results = try plans.indices.map {
      try openCheckpoint(.path(samples.folder.file("out\($0)"))).value("w").floats()
    }
    #expect(results == [[1], [6], [7]])
  }

  @Test func digestsAreThoseOfTheFiles() throws {
    try samples.write("a", (0..<50_000).map { Float($0) })
    try samples.write("b", (0..<50_000).map { Float(-$0) })
    let plan = try AveragingPlan(try samples.series(["a", "b"]), .linear(.only(1, of: 2)))
    let writer = try CheckpointWriter(
      to: .path(samples.folder.file("out")), tensors: plan.entries.map(\.output), metadata: Metadata())
    let digests = try AveragingPass([plan]).run(into: [writer], digests: true, pool: samples.pool)
    try writer.finish()
    let expected = try ["a", "b"].map {
      let data = try Data(contentsOf: URL(fileURLWithPath: samples.folder.file($0)))
      return data.withUnsafeBytes { hexadecimal(crc32($0)) }
    }
    #expect(digests == expected)
  }
}
