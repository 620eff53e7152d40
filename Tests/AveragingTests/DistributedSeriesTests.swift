import Checkpoint
import Foundation
import Platform
import TestSupport
import Testing

@testable import Averaging

/// Series of checkpoints of different layouts.
@Suite struct DistributedSeriesTests {
  /// A checkpoint of a few tensors that depend on a number.
  private static func model(_ seed: Int) -> [(name: String, value: TensorValue)] {
    func floats(_ count: Int, _ factor: Int) -> [Float] {
      (0..<count).map { Float(($0 * factor + seed * 37) % 101) / 16 }
    }
    return [
      ("a.weight", TensorValue(f32: floats(300 * 70, 7), shape: [300, 70])),
      ("b.weight", TensorValue(f32: floats(64 * 33, 11), shape: [64, 33])),
      ("b.bias", TensorValue(f32: floats(5, 3), shape: [5])),
      ("count", TensorValue(i64: [Int64(seed)], shape: [])),
    ]
  }

  /// Three checkpoints: of 8 ranks, of 16 ranks cut the other way, and a safetensors set.
  private func series() throws -> (Samples, [String]) {
    let samples = try Samples()
    let paths = (1...3).map { samples.folder.file("step-\($0)") }
    for (index, ranks) in [8, 16].enumerated() {
      let tensors = Self.model(index + 1).map { name, value in
        value.shape.isEmpty
          ? DistributedFolder.Tensor(["model", name], value, rank: 3)
          : DistributedFolder.Tensor(
            ["model", name], value, cutAlong: index == 0 ? 0 : value.shape.count - 1, ranks: ranks)
      }
      var folder = DistributedFolder(
        tensors + [DistributedFolder.Tensor(["optimizer", "state", "a.weight"], tensors[0].value)])
      folder.serialization = index == 0 ? .torch : .safetensors
      try folder.write(to: paths[index])
    }
    let last = Self.model(3)
    var options = WriteOptions()
    options.maxShardBytes = 20_000
    let writer = try CheckpointWriter(
      to: .path(paths[2]),
      tensors: last.map {
        TensorSpec(name: TensorName($0.name), dtype: $0.value.dtype, shape: $0.value.shape)
      },
      metadata: Metadata(), options: options)
    for spec in writer.order { try writer.write(last.first { TensorName($0.name) == spec.name }!.value) }
    try writer.finish()
    return (samples, paths)
  }

  @Test(arguments: [1, 4]) func mixedLayoutsAverageExactly(_ threads: Int) throws {
    let (samples, paths) = try series()
    let sources = try paths.map { try openCheckpoint(.path($0)) }
    let plan = try AveragingPlan(
      try Series(sources), try Mean().combination(of: Timeline(names: paths)))
    let writer = try CheckpointWriter(
      to: .path(samples.folder.file("mean")), tensors: plan.entries.map(\.output), metadata: Metadata())
    let digests = try AveragingPass([plan]).run(
      into: [writer], digests: true, pool: ThreadPool(threads: threads))
    try writer.finish()
    let mean = try openCheckpoint(.path(samples.folder.file("mean")))
    let models = (1...3).map(Self.model)
    for (index, (name, value)) in models[0].enumerated() {
      guard value.dtype == .f32 else {
        #expect(try mean.value(TensorName(name)) == models[2][index].value)
        continue
      }
      let rows = try models.map { try $0[index].value.doubles() }
      let expected = rows[0].indices.map { element in
        Float((rows[0][element] + rows[1][element] + rows[2][element]) / 3)
      }
      #expect(try mean.value(TensorName(name)).floats() == expected, "\(name)")
    }
    // The digest of every file's bytes, although slices came in another order.
    for (path, digest) in zip(paths, try #require(digests)) {
      var crc: UInt32 = 0
      for file in try openCheckpoint(.path(path)).files {
        var bytes = [UInt8](repeating: 0, count: file.length)
        try bytes.withUnsafeMutableBytes { try file.read(at: 0, into: $0) }
        crc = bytes.withUnsafeBytes { crc32($0, continuing: crc) }
      }
      #expect(digest == hexadecimal(crc), "\(path)")
    }
  }

  /// Layouts are no part of a checkpoint's contents.
  @Test func copiesOfAnotherLayoutAreDuplicates() throws {
    let (samples, paths) = try series()
    let source = try openCheckpoint(.path(paths[0]))
    try Conversion().run(
      source, metadata: Metadata(), to: .path(samples.folder.file("copy")), options: WriteOptions())
    let copy = try openCheckpoint(.path(samples.folder.file("copy")))
    #expect(throws: AveragingError.self) { try Series([source, copy]).refuseDuplicates() }
    #expect(try contentDigest(of: source) == contentDigest(of: copy))
  }

  @Test func piecesOfAFileMeetInAnyOrder() {
    let bytes = (0..<200).map { UInt8($0) }
    let pieces = ObservedPieces()
    // Twice the same, and parts that overlap others.
    for range in [40..<80, 0..<40, 120..<200, 80..<120, 80..<120, 10..<20, 190..<200] {
      bytes.withUnsafeBytes { pieces.add(range.lowerBound, UnsafeRawBufferPointer(rebasing: $0[range])) }
    }
    let whole = pieces.all.filter { $0.range == 0..<200 }
    #expect(whole.map(\.checksum) == [bytes.withUnsafeBytes { crc32($0) }])
  }
}
