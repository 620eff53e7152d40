import Checkpoint

/// A checkpoint with additional tensors.
package final class OverlaidCheckpoint: CheckpointSource {
  package let tensors: [TensorSpec]
  private let base: any CheckpointSource
  private let added: [(name: TensorName, value: TensorValue)]

  /// - Parameter values: Tensors that `base` lacks.
  package init(_ base: any CheckpointSource, adding values: [TensorName: TensorValue]) {
    self.base = base
    added = values.sorted { $0.key < $1.key }.map { (name: $0.key, value: $0.value) }
    tensors =
      base.tensors
      + added.map { TensorSpec(name: $0.name, dtype: $0.value.dtype, shape: $0.value.shape) }
  }

  package var label: String { base.label }
  package var metadata: Metadata { base.metadata }

  package func index(of name: TensorName) -> Int? {
    base.index(of: name) ?? added.firstIndex { $0.name == name }.map { base.tensors.count + $0 }
  }

  package func reader(at index: Int) -> TensorReader {
    guard index >= base.tensors.count else { return base.reader(at: index) }
    let (name, value) = added[index - base.tensors.count]
    return { [label] byteOffset, buffer in
      guard byteOffset >= 0, buffer.count <= value.bytes.count - byteOffset else {
        throw CheckpointError.outOfRange(path: label, name, offset: byteOffset, count: buffer.count)
      }
      buffer.copyBytes(from: value.bytes[byteOffset..<byteOffset + buffer.count])
    }
  }
}
