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
