/// What the BatchNorms of a network normalise with, all of them in execution order.
public struct BatchNormStatistics: Sendable, Equatable {
  /// Mean per channel of every layer.
  public var means: [[Double]]
  /// Variance per channel of every layer, not negative.
  public var variances: [[Double]]

  /// Statistics with everything given.
  public init(means: [[Double]], variances: [[Double]]) {
    self.means = means
    self.variances = variances
  }
}

extension Network {
  /// Whether `statistics` has a mean and a variance for every channel of every BatchNorm.
  public func fits(_ statistics: BatchNormStatistics) -> Bool {
    let channels = batchNorms.map(\.channels)
    return statistics.means.map(\.count) == channels && statistics.variances.map(\.count) == channels
  }
}
