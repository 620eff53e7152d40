import Checkpoint
import TensorMath

/// A tensor of the tuned part in PyTorch's layout, float32, with the gradient of the loss by it.
package final class TrainableTensor: @unchecked Sendable {
  /// Name in the checkpoint.
  package let name: TensorName
  /// The elements. Whoever changes them calls `TrainableLayers.weightsChanged()`.
  package let value: Tensor
  /// False for a tensor that stays as it is.
  package let isTrained: Bool
  /// True for the weights of weighted sums, to which weight decay applies, not for biases, scales and shifts.
  package let isMatrix: Bool
  /// Sum of the gradients since it was last cleared; nil before that, and for a tensor that stays as it is.
  package private(set) var gradient: Tensor?

  init(_ name: TensorName, _ value: Tensor, isTrained: Bool, isMatrix: Bool) {
    self.name = name
    self.value = value
    self.isTrained = isTrained
    self.isMatrix = isMatrix
  }

  /// Makes the gradient zero, in memory that is allocated by the first call.
  func clearGradient() {
    guard isTrained else { return }
    if let gradient {
      gradient.pointer.update(repeating: 0, count: gradient.count)
    } else {
      gradient = Tensor(shape: value.shape)
    }
  }
}
