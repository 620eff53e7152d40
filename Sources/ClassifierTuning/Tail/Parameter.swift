import TensorMath

/// One trained tensor with the gradient of the current step.
final class Parameter: @unchecked Sendable {
  let value: Tensor
  let gradient: Tensor
  /// Whether weight decay applies: to matrices, not to biases and BatchNorm's γ and β.
  let decays: Bool

  /// - Parameter count: length of the storage; elements beyond `values` are zeros and stay so.
  init(_ values: [Float], count: Int, decays: Bool) {
    value = Tensor(shape: [count], values: values + Array(repeating: 0, count: count - values.count))
    gradient = Tensor(shape: [count])
    self.decays = decays
  }

  var count: Int { value.count }
}
