import Checkpoint

/// Knowledge about a value of an ONNX graph during import.
enum ImportedValue {
  /// A map computed from the image.
  case map(MapView)
  /// Numbers known at import.
  case numbers(Numbers)
  /// A tensor of the file, or of the checkpoint under one of its names.
  case parameter(Parameter)
  /// The parts of a map that a node split.
  case sequence([MapView])
  /// Excess of a map over a number; PyTorch's softplus is exported with such a case distinction.
  case excess(MapView)
  /// The softmax of logits, which only the network's output may be.
  case probabilities(MapView)

  struct Parameter {
    let tensor: ONNXTensor
    /// The initializer's name and aliases from `Identity` nodes, the latest first.
    var names: [TensorName]
    /// Shape after reshapes.
    var shape: [Int]
    /// True if a matrix has been transposed.
    var isTransposed = false

    /// True if it still has the initializer's shape.
    var isPlain: Bool { shape == tensor.spec.shape && !isTransposed }
  }
}
