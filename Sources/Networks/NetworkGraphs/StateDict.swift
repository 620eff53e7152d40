import Checkpoint

/// The tensors of a checkpoint by name, as input of architecture recognition.
package struct StateDict: Sendable {
  package let source: any CheckpointSource
  private let specs: [TensorName: TensorSpec]

  package init(_ source: any CheckpointSource) {
    self.source = source
    specs = Dictionary(source.tensors.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
  }

  package var label: String { source.label }

  package func spec(_ key: String) -> TensorSpec? { specs[TensorName(key)] }
  package func shape(_ key: String) -> [Int]? { spec(key)?.shape }
  package func contains(_ key: String) -> Bool { spec(key) != nil }

  /// True if `key` is the weight of a convolution.
  package func isConvolution(_ key: String) -> Bool { shape(key)?.count == 4 }

  /// Number of consecutive keys `prefix + "0" + suffix`, `prefix + "1" + suffix`, …
  package func count(_ prefix: String, from first: Int = 0, _ suffix: String) -> Int {
    var count = 0
    while contains("\(prefix)\(first + count)\(suffix)") { count += 1 }
    return count
  }

  /// The layer of the head `name`: itself, or the only layer with a matrix below it.
  package func headName(_ name: String) -> String? {
    if contains(name + ".weight") { return name }
    let below = (0..<8).map { "\(name).\($0)" }.filter { shape($0 + ".weight")?.count == 2 }
    return below.count == 1 ? below[0] : nil
  }

  /// The elements of a real tensor, widened to float32.
  package func floats(_ key: TensorName) throws -> [Float] {
    guard let spec = specs[key] else {
      throw NetworkError.missingTensor(label: label, tensor: key, architecture: nil)
    }
    guard spec.dtype.isFloatingPoint else {
      throw NetworkError.notFloatingPoint(label: label, tensor: spec)
    }
    return try source.value(key).floats()
  }
}

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
