import TensorMath

/// One trained tensor with the gradient of the current step.
final class Parameter: @unchecked Sendable {
  let value: Tensor
  let gradient: Tensor
  /// True if weight decay applies: to matrices, not to biases and BatchNorm's γ and β.
  let decays: Bool

  init(_ value: Tensor, decays: Bool) {
    self.value = value
    gradient = Tensor(shape: value.shape)
    self.decays = decays
  }

  var count: Int { value.count }

  /// True if both are the same parameter, for use in a `switch`.
  static func ~= (pattern: Parameter, value: Parameter) -> Bool { pattern === value }
}
