import TensorMath

/// Inputs of the trainable tail of a network.
public struct TailFeatures: Sendable {
  /// Input of the last BatchNorm, `[n, h, w, c]`; without such a BatchNorm the classifier's input, `[n, 1, 1,
  /// c]`.
  public let input: Tensor
  /// The map that is added after the last BatchNorm, of the same shape.
  public let residual: Tensor?
}
