import Checkpoint
import Testing

@testable import Averaging

/// I8 and F8 weights with scales beside them.
@Suite struct QuantizationTests {
  let samples: Samples

  init() throws { samples = try Samples() }

  private func write(
    _ name: String, _ elements: [Double], _ dtype: DType = .i8, shape: [Int] = [2, 2], scale: [Double],
    scaleShape: [Int], scaleName: TensorName = "fc.weight_scale", scaleType: DType = .f32
  ) throws {
    try samples.write(
      name,
      [
        ("fc.weight", try TensorValue(doubles: elements, shape: shape, dtype: dtype)),
        (scaleName, try TensorValue(doubles: scale, shape: scaleShape, dtype: scaleType)),
        ("fc.bias", TensorValue(f32: [1], shape: [1])),
      ])
  }

  @Test func oneScaleForTheTensor() throws {
    try write("a", [10, -20, 30, 127], scale: [0.5], scaleShape: [])
    try write("b", [10, 20, 30, 64], scale: [0.25], scaleShape: [])
    let wide = try samples.average(["a", "b"], Mean(), options: .init(dtype: .f32))
    #expect(wide.tensors.map(\.name).sorted() == ["fc.bias", "fc.weight"])
    #expect(try wide.value("fc.weight").floats() == [3.75, -2.5, 11.25, 39.75])
    let narrow = try samples.average(["a", "b"], Mean())
    #expect(narrow.spec("fc.weight")?.dtype == .i8)
    #expect(try narrow.value("fc.weight_scale").floats() == [Float(39.75 / 127)])
    #expect(try narrow.value("fc.weight").doubles() == [12, -8, 36, 127])
  }

  @Test(arguments: [([2], "fc.weight_scale"), ([2, 1], "fc.weight.scale"), ([2, 1], "fc.scale")])
  func oneScaleForEachChannel(_ shape: [Int], _ name: String) throws {
    let name = TensorName(name)
    try write("a", [127, 1, 10, 127], scale: [1, 2], scaleShape: shape, scaleName: name)
    try write("b", [127, 3, 20, 127], scale: [3, 4], scaleShape: shape, scaleName: name)
    let wide = try samples.average(["a", "b"], Mean(), options: .init(dtype: .f64)).value("fc.weight")
    #expect(try wide.doubles() == [254, 5, 50, 381])
    let narrow = try samples.average(["a", "b"], Mean())
    #expect(try narrow.value(name).floats() == [2, 3])
    #expect(try narrow.value("fc.weight").doubles() == [127, 2, 17, 127])
    // The last axis may have the scales, too.
    try write("c", [127, 1, 10, 127], scale: [1, 2], scaleShape: [1, 2])
    try write("d", [127, 3, 20, 127], scale: [3, 4], scaleShape: [1, 2])
    let last = try samples.average(["c", "d"], Mean(), options: .init(dtype: .f64)).value("fc.weight")
    #expect(try last.doubles() == [254, 7, 35, 381])
  }

  @Test(arguments: [DType.f8e4m3, .f8e5m2])
  func eightBitFloats(_ dtype: DType) throws {
    try write("a", [1, 2, 4, 8], dtype, scale: [2], scaleShape: [1])
    try write("b", [1, 2, 4, 8], dtype, scale: [4], scaleShape: [1])
    let wide = try samples.average(["a", "b"], Mean(), options: .init(dtype: .f32)).value("fc.weight")
    #expect(try wide.floats() == [3, 6, 12, 24])
    let narrow = try samples.average(["a", "b"], Mean())
    let scale = try narrow.value("fc.weight_scale").doubles()[0]
    let values = try narrow.value("fc.weight").doubles().map { $0 * scale }
    #expect(zip(values, [3, 6, 12, 24]).allSatisfy { abs($0 / $1 - 1) < 0.13 })
    #expect(abs(values[3] - 24) < 1e-5, "the largest is exact")
  }

  @Test func aSingleCheckpointGoesThroughAsItIs() throws {
    try write("a", [10, -20, 30, 100], scale: [0.5], scaleShape: [])
    let result = try samples.average(["a"], Mean())
    #expect(try result.value("fc.weight").doubles() == [10, -20, 30, 100])
    #expect(try result.value("fc.weight_scale").floats() == [0.5])
  }

  @Test func aChannelOfZerosKeepsItsScale() throws {
    for name in ["a", "b"] { try write(name, [0, 0, 1, 2], scale: [0.5, 0.5], scaleShape: [2, 1]) }
    let result = try samples.average(["a", "b"], Mean(), options: .init())
    #expect(try result.value("fc.weight_scale").floats()[0] == 0.5)
    #expect(try result.value("fc.weight").doubles() == [0, 0, 64, 127])
  }

  @Test func everyMethodSeesTheWeights() throws {
    for (name, scale) in [("a", 1.0), ("b", 2), ("c", 8)] {
      try write(name, [127, 2, 3, 4], scale: [scale], scaleShape: [])
    }
    let median = try samples.average(["a", "b", "c"], Median(), options: .init(dtype: .f32))
    #expect(try median.value("fc.weight").floats() == [254, 4, 6, 8])
    let same = try samples.average(["a", "b", "c"], Median())
    #expect(try same.value("fc.weight_scale").floats() == [2])
  }

  @Test func largeTensorsAreTheSameAtAnyThreadCount() throws {
    let shape = [300, 257]
    for (name, seed) in [("a", 3), ("b", 5)] {
      try write(
        name, (0..<shape[0] * shape[1]).map { Double(($0 * seed) % 255 - 127) }, shape: shape,
        scale: (0..<shape[0]).map { Double($0 + seed) / 64 }, scaleShape: [shape[0], 1], scaleType: .bf16)
    }
    let one = try samples.average(["a", "b"], Mean(), threads: 1).value("fc.weight").bytes
    #expect(try samples.average(["a", "b"], Mean(), threads: 3).value("fc.weight").bytes == one)
  }

  @Test func groupsAndZeroPointsAreRefused() throws {
    try write("a", [1, 2, 3, 4, 5, 6, 7, 8], shape: [2, 4], scale: [1, 1, 1, 1], scaleShape: [2, 2])
    let error = #expect(throws: AveragingError.self) { _ = try samples.average(["a"], Mean()) }
    #expect(error?.description.contains("neither one nor one for each channel") == true)
    try samples.write(
      "b",
      [
        ("w.weight", TensorValue(dtype: .i8, shape: [1, 2], bytes: [1, 2])),
        ("w.weight_scale", TensorValue(f32: [1], shape: [1])),
        ("w.weight_zero_point", TensorValue(dtype: .i8, shape: [1], bytes: [3])),
      ])
    let points = #expect(throws: AveragingError.self) { _ = try samples.average(["b"], Mean()) }
    #expect(points?.description.contains("zero points") == true)
  }

  @Test func aScaleThatIsNotFiniteIsNamed() throws {
    try write("a", [1, 2, 3, 4], scale: [1, .infinity], scaleShape: [2])
    try write("b", [1, 2, 3, 4], scale: [1, 1], scaleShape: [2])
    expect(
      .notFinite(file: samples.folder.file("a"), "fc.weight_scale", index: [1], value: .infinity)
    ) { _ = try samples.average(["a", "b"], Mean()) }
  }
}
