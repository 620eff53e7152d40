import Checkpoint

/// A checkpoint with some more tensors from another source.
final class OverlaidCheckpoint: CheckpointSource {
  private let base: any CheckpointSource
  private let extra: any CheckpointSource
  let tensors: [TensorSpec]

  /// - Parameter names: The tensors of `extra` that `base` does not have.
  init(_ base: any CheckpointSource, adding names: Set<TensorName>, from extra: any CheckpointSource) {
    self.base = base
    self.extra = extra
    tensors = base.tensors + names.sorted().compactMap { base.spec($0) == nil ? extra.spec($0) : nil }
  }

  var label: String { base.label }
  var metadata: Metadata { base.metadata }

  func spec(_ name: TensorName) -> TensorSpec? { base.spec(name) ?? extra.spec(name) }

  func read(_ name: TensorName, at byteOffset: Int, into buffer: UnsafeMutableRawBufferPointer) throws {
    try (base.spec(name) == nil ? extra : base).read(name, at: byteOffset, into: buffer)
  }
}
