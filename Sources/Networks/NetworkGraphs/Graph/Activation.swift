/// A pointwise nonlinearity.
public enum Activation: String, Sendable, CaseIterable {
  /// x
  case identity
  /// max(x, 0)
  case relu
  /// min(max(x, 0), 6)
  case relu6
  /// 1 / (1 + e^-x)
  case sigmoid
  /// x sigmoid(x), also called swish
  case silu
  /// min(max(x + 3, 0), 6) / 6
  case hardsigmoid
  /// x hardsigmoid(x)
  case hardswish
}
