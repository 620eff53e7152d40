import Checkpoint
import Foundation
import Platform
import TestSupport
import Testing

@testable import Averaging

/// Checkpoints in a scratch folder, and averages of them.
final class Samples {
  let folder: TemporaryFolder
  let pool = ThreadPool(threads: 2)

  init() throws { folder = try TemporaryFolder() }

  /// Writes a checkpoint and returns its path.
  @discardableResult
  func write(
    _ name: String, _ tensors: [(name: TensorName, value: TensorValue)], metadata: [String: String] = [:]
  ) throws -> String {
    let byName = Dictionary(uniqueKeysWithValues: tensors.map { ($0.name, $0.value) })
    let specs = tensors.map { TensorSpec(name: $0.name, dtype: $0.value.dtype, shape: $0.value.shape) }
    let writer = try CheckpointWriter(
      to: .path(folder.file(name)), tensors: specs, metadata: Metadata(metadata))
    for spec in writer.order { try writer.write(byName[spec.name]!) }
    try writer.finish()
    return folder.file(name)
  }

  /// A checkpoint of one F32 vector `w`.
  @discardableResult
  func write(_ name: String, _ values: [Float]) throws -> String {
    try write(name, [("w", TensorValue(f32: values, shape: [values.count]))])
  }

  func series(_ names: [String], isSelected: (TensorName) -> Bool = { _ in true }) throws -> Series {
    try Series(names.map { try openCheckpoint(.path(folder.file($0))) }, isSelected: isSelected)
  }

  /// The average of the named files, read back.
  func average(
    _ names: [String], _ method: any AveragingMethod, options: AveragingPlan.Options = .init(),
    steps: [Double]? = nil, threads: Int = 2, kernel: Kernel = .best
  ) throws -> any CheckpointSource {
    let combination = try method.combination(of: Timeline(names: names, steps: steps))
    let plan = try AveragingPlan(try series(names), combination, options: options)
    let writer = try CheckpointWriter(
      to: .path(folder.file("average")), tensors: plan.entries.map(\.output),
      metadata: MergedMetadata(plan).metadata)
    do {
      try AveragingPass([plan], kernel: kernel).run(into: [writer], pool: ThreadPool(threads: threads))
    } catch {
      writer.abort()
      throw error
    }
    try writer.finish()
    return try openCheckpoint(.path(folder.file("average")))
  }
}

/// Expects exactly this error.
func expect(_ expected: AveragingError, _ body: () throws -> Void) {
  #expect(throws: expected) { try body() }
}
