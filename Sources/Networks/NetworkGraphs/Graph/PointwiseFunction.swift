/// A nonlinearity that is not part of the kernels.
package enum PointwiseFunction: Sendable, Equatable {
  /// x, or x times the slope below zero.
  case leakyRelu(slope: Float)
  /// x, or x times the channel's slope below zero.
  case parametricRelu(slopes: ChannelFactors.Values)
  /// x, or alpha (e^x - 1) below zero.
  case elu(alpha: Float)
  /// x times the normal distribution function of x.
  case gelu
  /// The approximation by tanh (Hendrycks, Gimpel 2016).
  case geluTanh
  /// log(1 + e^x)
  case softplus
  /// x tanh(softplus(x))
  case mish
  case tanh
  case erf
  case clip(low: Float, high: Float)
  /// min(max(slope x + offset, 0), 1)
  case hardSigmoid(slope: Float, offset: Float)
}
