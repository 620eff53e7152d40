import Foundation
import Platform
import TestSupport
import Testing

@testable import Checkpoint

@Suite struct CheckpointToolsTests {
  let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  func open(_ name: String, _ values: [TensorName: TensorValue], compress: Bool = false) throws
    -> any CheckpointSource
  {
    var options = WriteOptions()
    options.compress = compress
    let writer = try CheckpointWriter(
      to: .path(folder.file(name)),
      tensors: values.map { TensorSpec(name: $0.key, dtype: $0.value.dtype, shape: $0.value.shape) },
      metadata: Metadata(), options: options)
    for spec in writer.order { try writer.write(values[spec.name]!) }
    try writer.finish()
    return try openCheckpoint(.path(folder.file(name)))
  }

  @Test func countFiniteValuesApart() throws {
    let source = try open("x", ["w": TensorValue(f32: [1, 2, 3, 4, 0, .nan, .infinity], shape: [7])])
    let found = try TensorStatistics(of: source.tensors[0], in: source)
    #expect(found.count == 7)
    #expect(found.minimum == 0)
    #expect(found.maximum == 4)
    #expect(found.mean == 2)
    #expect(found.standardDeviation == 2.0.squareRoot())
    #expect((found.zeroCount, found.nanCount, found.infinityCount) == (1, 1, 1))
  }

  /// Chunks must not show: mean and deviation of 0 ..< n have closed forms.
  @Test func statisticsOverChunks() throws {
    let n = 150_000
    let source = try open(
      "x", ["w": try TensorValue(doubles: (0..<n).map { 1e6 + Double($0) }, shape: [n], dtype: .f64)])
    let found = try TensorStatistics(of: source.tensors[0], in: source)
    #expect(abs(found.mean - (1e6 + Double(n - 1) / 2)) < 1e-6)
    let variance = (Double(n) * Double(n) - 1) / 12
    #expect(abs(found.standardDeviation / variance.squareRoot() - 1) < 1e-12)
  }

  /// Chunks, lanes and their remainders must not show, nor threads.
  @Test(arguments: [1, 7, 8, 9, 65_535, 65_536, 65_543, 1_100_003]) func statisticsOverLanes(_ n: Int) throws
  {
    var values = (0..<n).map { Double(($0 * 7919) % 1000) - 300 }
    let special: [Double] = [.nan, .infinity, -.infinity, 0, -0.0, .nan]
    for (index, value) in special.enumerated() where n > 8 { values[(index * 131_071 + n - 1) % n] = value }
    let finite = values.filter(\.isFinite)
    let source = try open(
      "x", ["w": try TensorValue(doubles: values, shape: [n], dtype: .f32)], compress: true)
    let found = try TensorStatistics(of: source.tensors[0], in: source)
    #expect(try TensorStatistics(of: source.tensors[0], in: source, pool: ThreadPool(threads: 3)) == found)
    #expect(found.count == n)
    #expect(found.zeroCount == values.count { $0 == 0 })
    #expect(found.nanCount == values.count { $0.isNaN })
    #expect(found.infinityCount == values.count { $0.isInfinite })
    #expect(found.minimum == finite.min() && found.maximum == finite.max())
    let mean = finite.reduce(0, +) / Double(finite.count)
    let variance = finite.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(finite.count)
    #expect(abs(found.mean - mean) < 1e-9)
    #expect(abs(found.standardDeviation - variance.squareRoot()) < 1e-9)
  }

  @Test func statisticsOfNothing() throws {
    let source = try open(
      "x", ["w": TensorValue(f32: [], shape: [0]), "c": TensorValue(dtype: .c64, shape: [0], bytes: [])])
    let found = try TensorStatistics(of: source.spec("w")!, in: source)
    #expect(found.minimum > found.maximum)
    #expect(found.standardDeviation == 0)
    #expect(throws: CheckpointError.notReal("c", .c64)) {
      try TensorStatistics(of: source.spec("c")!, in: source)
    }
  }

  @Test func differencesAreGivenTensorByTensor() throws {
    let a = try open(
      "a", ["w": TensorValue(f32: [1, -2, 0], shape: [3]), "gone": TensorValue(i64: [1], shape: [1])])
    let b = try open(
      "b",
      [
        "w": TensorValue(f32: [Float(1).nextUp, -2, -0.0], shape: [3]),
        "new": TensorValue(i64: [1], shape: [1]),
      ])
    let found = try CheckpointComparison(a, b)
    #expect(found.missing.map(\.name) == ["gone"])
    #expect(found.extra.map(\.name) == ["new"])
    let entry = try #require(found.common.first)
    #expect(!entry.isIdentical)
    #expect(entry.difference?.maxAbsolute == Double(Float.ulpOfOne))
    #expect(entry.difference?.maxUlp == 1)
    #expect(abs((entry.difference?.cosine ?? 0) - 1) < 1e-12)
    #expect(entry.isWithin(1e-6) && !entry.isWithin(1e-8))
    #expect(!found.isWithin(1))
    #expect(try CheckpointComparison(a, a).isWithin(0))
  }

  @Test func differencesAcrossZeroAndTypes() throws {
    let a = try open("a", ["w": TensorValue(f32: [.leastNonzeroMagnitude, .nan, 3], shape: [3])])
    let b = try open("b", ["w": TensorValue(f32: [-.leastNonzeroMagnitude, .nan, 3], shape: [3])])
    #expect(try CheckpointComparison(a, b).common[0].difference?.maxUlp == 2)
    let c = try open("c", ["w": try TensorValue(doubles: [0, .nan, 3], shape: [3], dtype: .f16)])
    let mixed = try CheckpointComparison(a, c).common[0]
    #expect(mixed.difference?.maxUlp == nil)
    #expect(mixed.isWithin(1e-30) && !mixed.isIdentical)
    let d = try open("d", ["w": TensorValue(f32: [0, 1, 3], shape: [3])])
    #expect(try CheckpointComparison(a, d).common[0].difference?.maxAbsolute == .infinity)
    let e = try open("e", ["w": TensorValue(f32: [0, 1, 3], shape: [3, 1])])
    #expect(try !CheckpointComparison(d, e).isWithin(.infinity))
  }

  @Test func verificationFindsAFlippedBit() throws {
    let values: [TensorName: TensorValue] = [
      "w": TensorValue(f32: (0..<4096).map { Float($0) }, shape: [4096]),
      "b": TensorValue(f32: [1], shape: [1]),
    ]
    #expect(verify(try open("x", values, compress: true)) == [])
    var bytes = [UInt8](try Data(contentsOf: URL(fileURLWithPath: folder.file("x"))))
    bytes[bytes.count - 9] ^= 4
    try Data(bytes).write(to: URL(fileURLWithPath: folder.file("x")))
    let faults = verify(try openCheckpoint(.path(folder.file("x"))))
    #expect(faults == ["\(folder.file("x")): tensor \"w\": compressed data are damaged: block checksum"])
  }

  @Test func conversionSelectsRenamesAndChangesTypes() throws {
    let source = try open(
      "x",
      [
        "a.w": TensorValue(f32: [1, 70_000], shape: [2]), "a.n": TensorValue(i64: [3], shape: []),
        "b": TensorValue(f32: [1], shape: [1]),
      ])
    var conversion = Conversion()
    conversion.dtype = .f16
    conversion.includes = { $0 != "b" }
    conversion.renames = { TensorName(String($0.string.dropFirst(2))) }
    let destination = Location.path(folder.file("y"))
    #expect(throws: CheckpointError.unrepresentable("a.w", .f16, index: 1, value: 70_000)) {
      try conversion.run(source, metadata: Metadata(), to: destination, options: WriteOptions())
    }
    conversion.saturates = true
    try conversion.run(source, metadata: Metadata(["k": "v"]), to: destination, options: WriteOptions())
    let result = try openCheckpoint(.path(folder.file("y")))
    #expect(Set(result.tensors.map(\.name)) == ["w", "n"])
    #expect(try result.value("w").doubles() == [1, 65504])
    #expect(try result.value("n") == TensorValue(i64: [3], shape: []))
    #expect(result.metadata == Metadata(["k": "v"]))
    conversion.renames = { _ in "same" }
    #expect(throws: CheckpointError.self) {
      try conversion.run(source, metadata: Metadata(), to: destination, options: WriteOptions())
    }
    conversion.includes = { _ in false }
    #expect(
      throws: CheckpointError.invalidRequest(
        path: folder.file("x"), reason: "no tensor is selected")
    ) {
      try conversion.run(source, metadata: Metadata(), to: destination, options: WriteOptions())
    }
  }
}
