/// The running statistics of one BatchNorm: mean and variance per channel, float64.
///
/// The statistics of a network are an array of these in the order of `Network.batchNorms`.
///
/// ```swift
/// var statistics = network.runningStatistics
/// statistics[0].mean = Array(repeating: 0, count: network.batchNorms[0].channels)
/// let logits = try network.logits(images, statistics: statistics)
/// ```
public struct RunningStatistics: Sendable, Equatable {
  /// `running_mean`, `[channels]`.
  public var mean: [Double]
  /// `running_var`, `[channels]`, not negative.
  public var variance: [Double]

  /// Statistics of as many channels as each array has.
  public init(mean: [Double], variance: [Double]) {
    precondition(mean.count == variance.count, "\(mean.count) means, \(variance.count) variances")
    self.mean = mean
    self.variance = variance
  }

  /// (1 − `weight`)·self + `weight`·`other`, for mean and variance alike.
  public func mixed(with other: Self, weight: Double) -> Self {
    func mix(_ a: [Double], _ b: [Double]) -> [Double] {
      zip(a, b).map { (1 - weight) * $0 + weight * $1 }
    }
    return Self(mean: mix(mean, other.mean), variance: mix(variance, other.variance))
  }
}

/// A BatchNorm with its statistics folded in: y = x * scale + shift.
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
