import ImageData
import NetworkExecution

/// Origin of the statistics that the BatchNorms normalize with.
public enum NormalizationSource: String, CaseIterable, Sendable {
  /// The checkpoint's own statistics.
  case stored
  /// Statistics of a data set under the setting's own preprocessing.
  case recalibrated
}

/// BatchNorm statistics of one network under one preprocessing.
public struct Recalibration: Sendable, Equatable {
  /// Index of the network among the sweep's.
  public var network: Int
  /// Preprocessing of the images; all settings with it share these statistics, whatever their views.
  public var preprocessing: Preprocessing
  /// Number of batches that the statistics were computed from.
  public var batchCount: Int
  /// Statistics rounded to the types that the checkpoint stores, so that the written values are the measured
  /// ones.
  public var statistics: [RunningStatistics]

  /// Statistics with everything given.
  public init(
    network: Int, preprocessing: Preprocessing, batchCount: Int, statistics: [RunningStatistics]
  ) {
    self.network = network
    self.preprocessing = preprocessing
    self.batchCount = batchCount
    self.statistics = statistics
  }

  /// True if both are of the same network and preprocessing and differ by no more than rounding between
  /// machines.
  package func agrees(with other: Recalibration) -> Bool {
    guard network == other.network, preprocessing == other.preprocessing, batchCount == other.batchCount,
      statistics.map(\.mean.count) == other.statistics.map(\.mean.count)
    else { return false }
    for (own, theirs) in zip(statistics, other.statistics) {
      for (channel, mean) in own.mean.enumerated() {
        let variance = own.variance[channel]
        let otherVariance = theirs.variance[channel]
        let sigma = max(variance, otherVariance, 1e-12).squareRoot()
        if !(abs(mean - theirs.mean[channel]) <= Self.rounding * sigma) { return false }
        if !(abs(variance - otherVariance) <= Self.rounding * sigma * sigma) { return false }
      }
    }
    return true
  }

  /// Kernel types differ by about 1e-5 standard deviations in deep layers; other images by 1e-2 and more.
  private static let rounding = 1e-3
}
