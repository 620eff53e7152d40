import Checkpoint
import TensorMath

/// Mean and variance that a BatchNorm normalises with.
struct RunningStatistics: Sendable {
  var mean: [Double]
  var variance: [Double]
}

/// A BatchNorm with its statistics put in: y = x * scale + shift.
struct ChannelAffine: Sendable {
  var scale: [Float]
  var shift: [Float]

  /// - Parameters:
  ///   - weight: The BatchNorm's scale.
  ///   - bias: The BatchNorm's shift.
  ///   - convolutionBias: Bias of the convolution before it, if that has one.
  init(
    weight: [Float], bias: [Float], mean: [Double], variance: [Double], eps: Double, convolutionBias: [Float]?
  ) {
    scale = []
    shift = []
    for channel in mean.indices {
      let factor = Double(weight[channel]) / (variance[channel] + eps).squareRoot()
      let offset = Double(convolutionBias?[channel] ?? 0) - mean[channel]
      scale.append(Float(factor))
      shift.append(Float(Double(bias[channel]) + offset * factor))
    }
  }
}
