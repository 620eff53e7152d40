import Checkpoint

/// A checkpoint with some more tensors.
package final class OverlaidCheckpoint: CheckpointSource {
  package let tensors: [TensorSpec]
  private let base: any CheckpointSource
  private let values: [TensorName: TensorValue]

  /// - Parameter values: Tensors that `base` does not have.
  package init(_ base: any CheckpointSource, adding values: [TensorName: TensorValue]) {
    self.base = base
    self.values = values
    tensors =
      base.tensors
      + values.sorted { $0.key < $1.key }.map {
        TensorSpec(name: $0.key, dtype: $0.value.dtype, shape: $0.value.shape)
      }
  }

  package var label: String { base.label }
  package var metadata: Metadata { base.metadata }

  package func read(_ name: TensorName, at byteOffset: Int, into buffer: UnsafeMutableRawBufferPointer) throws {
    guard let value = values[name] else { return try base.read(name, at: byteOffset, into: buffer) }
    guard byteOffset >= 0, buffer.count <= value.bytes.count - byteOffset else {
      throw CheckpointError.outOfRange(path: label, name, offset: byteOffset, count: buffer.count)
    }
    buffer.copyBytes(from: value.bytes[byteOffset..<byteOffset + buffer.count])
  }
}
