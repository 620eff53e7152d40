import CKernels

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

  var kernelCode: ck_activation {
    switch self {
    case .identity: ck_identity
    case .relu: ck_relu
    case .relu6: ck_relu6
    case .sigmoid: ck_sigmoid
    case .silu: ck_silu
    case .hardsigmoid: ck_hard_sigmoid
    case .hardswish: ck_hard_swish
    }
  }
}
