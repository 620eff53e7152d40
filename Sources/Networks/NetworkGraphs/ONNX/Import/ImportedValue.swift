import Checkpoint

/// What is known of a value of an ONNX graph while it is read.
enum ImportedValue {
  /// Computed from the image.
  case map(MapView)
  /// Known now.
  case numbers(Numbers)
  /// A tensor of the file, or of the checkpoint under one of its names.
  case parameter(Parameter)
  /// The parts of a map that a node split.
  case sequence([MapView])
  /// Where a map exceeds a number; PyTorch's softplus is exported with such a case distinction.
  case excess(MapView)
  /// The softmax of logits, which only the network's output may be.
  case probabilities(MapView)

  struct Parameter {
    let tensor: ONNXTensor
    /// The initializer's name and those that `Identity` nodes gave it, the last one first.
    var names: [TensorName]
    /// As seen through reshapes.
    var shape: [Int]
    /// Whether a matrix has been transposed.
    var isTransposed = false

    /// Whether it is still of the initializer's shape.
    var isPlain: Bool { shape == tensor.spec.shape && !isTransposed }
  }
}
