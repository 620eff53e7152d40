import ConvNet

/// The two running statistics of one BatchNorm layer, one value a channel.
public struct RunningStatistics: Sendable, Equatable {
  /// `running_mean`.
  public var mean: [Double]
  /// `running_var`.
  public var variance: [Double]

  /// Statistics of as many channels as each array has.
  public init(mean: [Double], variance: [Double]) {
    self.mean = mean
    self.variance = variance
  }
}

extension RunningStatistics {
  /// (1 − `weight`)·self + `weight`·`other`, for mean and variance alike.
  func mixed(with other: Self, weight: Double) -> Self {
    func mix(_ a: [Double], _ b: [Double]) -> [Double] {
      zip(a, b).map { (1 - weight) * $0 + weight * $1 }
    }
    return Self(mean: mix(mean, other.mean), variance: mix(variance, other.variance))
  }
}

extension Network {
  /// The statistics that the checkpoint stores for one layer.
  public func runningStatistics(of layer: BatchNormLayer) throws -> RunningStatistics {
    RunningStatistics(
      mean: try parameter(layer.runningMeanKey).doubles(),
      variance: try parameter(layer.runningVarKey).doubles())
  }
}
