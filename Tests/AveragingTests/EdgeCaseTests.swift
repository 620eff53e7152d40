import Checkpoint
import Foundation
import TestSupport
import Testing

@testable import Averaging

/// What averaging scripts get wrong, one test each.
@Suite struct EdgeCaseTests {
  let samples: Samples

  init() throws { samples = try Samples() }

  private func vector(_ values: Float...) -> TensorValue { TensorValue(f32: values, shape: [values.count]) }

  private func golden(_ name: String) throws -> any CheckpointSource {
    try openCheckpoint(.path(Fixtures.path("goldens/Averaging/\(name).pt")))
  }

  private func average(
    _ sources: [any CheckpointSource], _ combination: Combination? = nil, keys: KeyPolicy = .identical,
    options: AveragingPlan.Options = .init(), isSelected: (TensorName) -> Bool = { _ in true }
  ) throws -> any CheckpointSource {
    let mean = Combination.linear(
      LinearCombination(weights: sources.map { _ in 1 }, divisor: Double(sources.count)))
    let plan = try AveragingPlan(
      try Series(sources, keys: keys, isSelected: isSelected), combination ?? mean, options: options)
    let writer = try CheckpointWriter(
      to: .path(samples.folder.file("result")), tensors: plan.entries.map(\.output),
      metadata: MergedMetadata(plan).metadata)
    try AveragingPass([plan]).run(into: [writer], pool: samples.pool)
    try writer.finish()
    return try openCheckpoint(.path(samples.folder.file("result")))
  }

  /// 16777217 is no float32, and 1 + 2 over 2 no integer.
  @Test func case1IntegersAndBooleansKeepTheirTypeAndAreTheNewest() throws {
    func model(_ count: Int64, _ flag: UInt8) -> [(name: TensorName, value: TensorValue)] {
      [
        ("count", TensorValue(i64: [16_777_216 + count], shape: [])),
        ("flag", TensorValue(dtype: .bool, shape: [1], bytes: [flag])), ("w", vector(Float(count))),
      ]
    }
    try samples.write("a", model(1, 1))
    try samples.write("b", model(2, 0))
    for buffers in BufferRule.allCases {
      let result = try samples.average(["a", "b"], Mean(), options: .init(buffers: buffers, dtype: .f64))
      #expect(try result.value("count") == TensorValue(i64: [16_777_218], shape: []))
      #expect(try result.value("flag") == TensorValue(dtype: .bool, shape: [1], bytes: [0]))
    }
  }

  /// 1/3 of float16 sums would lose the small ones; 1 + 2⁻⁸ lies between two bfloat16, the even one is 1.
  @Test func case2SumsAreWideAndRoundedOnceToNearestEven() throws {
    for (name, values) in [("a", [2048, 1.0]), ("b", [1, 1]), ("c", [-2048, 1 + 3 * 0x1p-8])] {
      try samples.write(
        name, [("h", try TensorValue(doubles: values, shape: [2], dtype: .f32))])
    }
    let half = try samples.average(["a", "b", "c"], Mean(), options: .init(dtype: .f16)).value("h")
    #expect(try half.doubles() == [0.333251953125, 1.00390625])
    let brain = try samples.average(["a", "b", "c"], Mean(), options: .init(dtype: .bf16)).value("h")
    #expect(try brain.doubles() == [0.333984375, 1])
    #expect(try samples.average(["a", "b", "c"], Mean()).value("h").dtype == .f32)
  }

  @Test func case3OverflowInNarrowingIsAnErrorAndLeavesNothing() throws {
    try samples.write("a", [1, 65_520])
    try samples.write("b", [1, 65_520])
    expect(.overflow("w", .f16, index: [1], value: 65_520)) {
      _ = try samples.average(["a", "b"], Mean(), options: .init(dtype: .f16))
    }
    #expect(try samples.folder.listing() == ["a", "b"])
    // The largest finite one is no overflow.
    try samples.write("c", [1, 65_504])
    try samples.write("d", [1, 65_504])
    #expect(
      try samples.average(["c", "d"], Mean(), options: .init(dtype: .f16)).value("w").doubles() == [
        1, 65_504,
      ])
  }

  /// An in-place mean would add the shared storage twice.
  @Test func case4TiedTensorsAreAveragedOnceAndListed() throws {
    let result = try average([try golden("tied-1"), try golden("tied-2")])
    for name in ["embed.weight", "head.weight"] as [TensorName] {
      #expect(try result.value(name).floats() == [0, 1.5, 3, 4.5, 6, 7.5])
    }
    #expect(result.metadata["ckpt.tied"] == #"[["embed.weight","head.weight"]]"#)
    // The list outlives a second average, and a tensor that is left out is not in it.
    #expect(try average([result]).metadata.tiedTensors == [["embed.weight", "head.weight"]])
    let part = try average([try golden("tied-1")], isSelected: { $0 != "head.weight" })
    #expect(part.metadata["ckpt.tied"] == nil)
    // Copies that one file shares and another does not are no ties.
    try samples.write(
      "untied",
      [
        ("embed.weight", TensorValue(f32: [Float](repeating: 1, count: 6), shape: [3, 2])),
        ("head.weight", TensorValue(f32: [Float](repeating: 2, count: 6), shape: [3, 2])),
        ("head.bias", vector(1, 1)),
      ])
    let mixed = try average([try golden("tied-1"), try openCheckpoint(.path(samples.folder.file("untied")))])
    #expect(mixed.metadata["ckpt.tied"] == nil)
  }

  @Test func case5MissingAndExtraTensorsAreErrorsUnlessAskedFor() throws {
    try samples.write("a", [("w", vector(1)), ("old", vector(1))])
    try samples.write("b", [("w", vector(3)), ("new", vector(5))])
    let file = samples.folder.file
    expect(.missingTensor(file: file("b"), "old", reference: file("a"))) {
      _ = try samples.series(["a", "b"])
    }
    let sources = try ["a", "b"].map { try openCheckpoint(.path(file($0))) }
    #expect(try average(sources, keys: .intersection).tensors.map(\.name) == ["w"])
    let union = try average(sources, keys: .union)
    #expect(try union.value("old").floats() == [1])
    #expect(try union.value("new").floats() == [5])
    #expect(try union.value("w").floats() == [2])
  }

  @Test func case6ShapesAndTypesMustAgreeAndNothingIsBroadcast() throws {
    try samples.write("a", [("w", vector(1, 2))])
    for (name, other) in [
      ("scalar", TensorValue(f32: [1], shape: [])), ("one", vector(1)),
      ("row", TensorValue(f32: [1, 2], shape: [1, 2])),
      ("half", try TensorValue(doubles: [1, 2], shape: [2], dtype: .f16)),
    ] {
      try samples.write(name, [("w", other)])
      let found = "\(other.dtype) \(other.shape)"
      expect(.mismatch(file: samples.folder.file(name), "w", expected: "F32 [2]", found: found)) {
        _ = try samples.series(["a", name])
      }
    }
  }

  @Test(arguments: [
    "module.", "_orig_mod.", "module._orig_mod.", "_orig_mod.module.", "module.module._orig_mod.module.",
  ])
  func case7WrappersComeOffInAnyNesting(_ prefix: String) throws {
    try samples.write("a", [("block.w", vector(1)), ("b", vector(3))])
    try samples.write(
      "b", [(TensorName(prefix + "block.w"), vector(3)), (TensorName(prefix + "b"), vector(5))])
    let result = try samples.average(["a", "b"], Mean())
    #expect(try result.value("block.w").floats() == [2])
    #expect(try result.value("b").floats() == [4])
  }

  @Test func case7CompiledPartsAndCollisions() throws {
    try samples.write("a", [("block.w", vector(1)), ("module.b", vector(3))])
    try samples.write("b", [("block._orig_mod.w", vector(3)), ("module.b", vector(5))])
    let result = try samples.average(["a", "b"], Mean())
    #expect(try result.value("block.w").floats() == [2])
    #expect(try result.value("module.b").floats() == [4])
    try samples.write("c", [("block._orig_mod.w", vector(3)), ("block.w", vector(5))])
    let error = #expect(throws: CheckpointError.self) { _ = try samples.series(["c"]) }
    guard case .nameCollision(_, "block.w", _, _)? = error else {
      Issue.record("\(String(describing: error))")
      return
    }
  }

  @Test func case8RawAndAveragedWeightsAreNotMixed() throws {
    #expect(try average([try golden("both-1"), try golden("both-2")]).value("w").floats() == [15, 30])
    #expect(try average([try golden("raw-1"), try golden("raw-2")]).value("w").floats() == [1.5, 3])
    let raw = try golden("raw-2")
    let both = try golden("both-1")
    expect(
      .differentKeys(file: raw.label, key: "state_dict", reference: both.label, "state_dict_ema")
    ) { _ = try Series([both, raw]) }
    var options = OpenOptions()
    options.key = "state_dict"
    let chosen = try openCheckpoint(.path(both.label), options: options)
    #expect(try average([chosen, raw]).value("w").floats() == [1.5, 3])
  }

  @Test func case9OrderIsNumericAndDuplicatesAreFound() throws {
    let names = ["epoch-10", "epoch-9", "epoch-100", "epoch-009", "last"]
    #expect(
      names.sorted(by: NaturalOrder.precedes) == ["epoch-009", "epoch-9", "epoch-10", "epoch-100", "last"])
    try samples.write("a", [1, 2])
    try samples.write("b", [3, 4])
    let manager = FileManager.default
    try manager.linkItem(atPath: samples.folder.file("b"), toPath: samples.folder.file("hard"))
    try manager.createSymbolicLink(
      atPath: samples.folder.file("soft"), withDestinationPath: samples.folder.file("b"))
    try manager.copyItem(atPath: samples.folder.file("b"), toPath: samples.folder.file("copy"))
    for name in ["hard", "soft", "copy", "b"] {
      expect(.duplicate(file: samples.folder.file(name), of: samples.folder.file("b"))) {
        try samples.series(["a", "b", name]).refuseDuplicates()
      }
    }
  }

  @Test func case10DirectionNaNTiesMissingAndTooMany() throws {
    let scores = [0.3, .nan, 0.9, 0.9, 0.1]
    #expect(try MetricsTable.best(2, of: scores, mode: .max) == [2, 3])
    #expect(try MetricsTable.best(1, of: scores, mode: .max) == [3], "the later among equals")
    #expect(try MetricsTable.best(2, of: scores, mode: .min) == [0, 4])
    #expect(throws: MetricsTable.Fault.tooFew(wanted: 5, found: 4)) {
      _ = try MetricsTable.best(5, of: scores, mode: .min)
    }
    let table = try MetricsTable(parsing: Array("a\t1\n".utf8), key: nil)
    #expect(throws: MetricsTable.Fault.missing("b.pt")) { _ = try table.value(for: "b.pt") }
  }

  /// Ten checkpoints with the decay of single steps are the first one: 0.9999⁹ = 99.91 %.
  @Test func case11EffectiveSampleSizeTellsADegenerateAverage() throws {
    let timeline = try Timeline(names: (0..<10).map(String.init))
    let ema = try ExponentialMovingAverage(decay: 0.9999)
    guard case .linear(let linear) = try ema.combination(of: timeline) else { return }
    #expect(abs(linear.weights[0] - 0.9991) < 1e-4)
    #expect(linear.effectiveSampleSize < 1.01)
  }

  @Test func case12ZeroNegativeAndCancellingWeights() throws {
    try samples.write("a", [1])
    try samples.write("b", [.nan])
    try samples.write("c", [5])
    // A weight of zero leaves a file alone, whatever is in it.
    #expect(try samples.average(["a", "b", "c"], weights([1, 0, 3])).value("w").floats() == [4])
    #expect(try samples.average(["a", "c"], weights([-1, 2])).value("w").floats() == [9])
    expect(.weightsCancel) { _ = try samples.average(["a", "c"], weights([-1, 1])) }
    expect(.allWeightsZero) { _ = try samples.average(["a", "c"], weights([0, 0])) }
  }

  private func weights(_ values: [Double]) throws -> WeightedSum {
    try WeightedSum(weights: values)
  }

  @Test func case13StatisticsAreMarkedStaleAndVariancesStayPositive() throws {
    func write(_ name: String, variance: Float) throws {
      try samples.write(name, [("bn.running_var", vector(variance)), ("bn.weight", vector(1))])
    }
    try write("a", variance: 3)
    try write("b", variance: 1)
    #expect(try samples.average(["a", "b"], Mean()).metadata["ckpt.bn"] == "stale")
    #expect(try samples.average(["a"], Mean()).metadata["ckpt.bn"] == nil)
    expect(.negativeVariance("bn.running_var", index: [0], value: -1)) {
      _ = try samples.average(["a", "b"], weights([-1, 2]), options: .init(buffers: .average))
    }
    #expect(try samples.average(["a", "b"], weights([-1, 2])).value("bn.running_var").floats() == [1])
  }

  @Test func case14NotANumberTruncatedEmptyAndScalar() throws {
    try samples.write("a", [("w", TensorValue(f32: [1, 2, 3, 4], shape: [2, 2]))])
    try samples.write("nan", [("w", TensorValue(f32: [1, 2, .nan, 4], shape: [2, 2]))])
    let error = #expect(throws: AveragingError.self) { _ = try samples.average(["a", "nan"], Mean()) }
    #expect(error?.description == #"\#(samples.folder.file("nan")): tensor "w": element [1, 0] is nan"#)
    let bytes = try Data(contentsOf: URL(fileURLWithPath: samples.folder.file("a")))
    try bytes.dropLast().write(to: URL(fileURLWithPath: samples.folder.file("short")))
    #expect(throws: CheckpointError.self) { _ = try samples.series(["a", "short"]) }
    let shapes: [(name: TensorName, value: TensorValue)] = [
      ("empty", TensorValue(f32: [], shape: [0, 3])), ("scalar", TensorValue(f32: [7], shape: [])),
    ]
    try samples.write("b", shapes)
    let result = try samples.average(["b"], Mean())
    #expect(result.spec("empty")?.shape == [0, 3])
    #expect(try result.value("scalar") == TensorValue(f32: [7], shape: []))
  }

  @Test(arguments: [
    ("layer.qweight", DType.i32, [8, 4], "GPTQ"), ("layer.weight_packed", .i32, [8, 4], "packed"),
    ("layer.weight.absmax", .f32, [4], "bitsandbytes"), ("layer.SCB", .f32, [4], "bitsandbytes"),
    ("layer.weight.quant_state.bitsandbytes__nf4", .u8, [4], "bitsandbytes"),
    ("layer.weight.quant_state.bitsandbytes__nf4", .f32, [4], "bitsandbytes"),
    ("layer.weight", .f4, [8, 4], "F4"), ("layer.weight_scale", .f8e8m0, [8, 1], "block scales"),
    ("layer.weight", .i8, [8, 4], "without a scale"),
  ])
  func case15UnknownQuantisationIsRefusedWithAReason(
    _ name: String, _ dtype: DType, _ shape: [Int], _ reason: String
  ) throws {
    let tensor = TensorSpec(name: TensorName(name), dtype: dtype, shape: shape)
    let value = TensorValue(
      dtype: dtype, shape: shape, bytes: [UInt8](repeating: 1, count: tensor.byteCount))
    try samples.write("a", [(tensor.name, value)])
    let error = #expect(throws: AveragingError.self) { _ = try samples.average(["a"], Mean()) }
    #expect(error?.description.contains(reason) == true, "\(String(describing: error))")
    #expect(error?.description.contains(name) == true)
    #expect(error?.kind == .badData)
  }
}
