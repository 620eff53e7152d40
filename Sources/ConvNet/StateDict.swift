import Checkpoint

/// The tensors of a checkpoint by name, for architectures to look at.
struct StateDict: Sendable {
  let source: any CheckpointSource
  private let specs: [TensorName: TensorSpec]

  init(_ source: any CheckpointSource) {
    self.source = source
    specs = Dictionary(source.tensors.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
  }

  var label: String { source.label }

  func spec(_ key: String) -> TensorSpec? { specs[TensorName(key)] }
  func shape(_ key: String) -> [Int]? { spec(key)?.shape }
  func contains(_ key: String) -> Bool { spec(key) != nil }

  /// Whether `key` is the weight of a convolution.
  func isConvolution(_ key: String) -> Bool { shape(key)?.count == 4 }

  /// How many of `prefix + "0" + suffix`, `prefix + "1" + suffix`, … there are.
  func count(_ prefix: String, from first: Int = 0, _ suffix: String) -> Int {
    var count = 0
    while contains("\(prefix)\(first + count)\(suffix)") { count += 1 }
    return count
  }

  /// The elements of a real tensor, widened to float32.
  func floats(_ key: TensorName) throws -> [Float] {
    guard let spec = specs[key] else {
      throw ConvNetError.missingTensor(label: label, tensor: key, architecture: nil)
    }
    guard spec.dtype.isFloatingPoint else {
      throw ConvNetError.notFloatingPoint(label: label, tensor: spec)
    }
    return try source.value(key).floats()
  }
}
