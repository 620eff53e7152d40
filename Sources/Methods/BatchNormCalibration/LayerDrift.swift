import NetworkExecution
import Platform

/// Shift of the running statistics of one layer.
public struct LayerDrift: Sendable, Equatable {
  /// Name of the layer in the state dict.
  public let layer: String
  /// Root mean square over the channels of (new mean − old mean) / old standard deviation.
  public let meanShift: Double
  /// Root mean square over the channels of ln(new variance / old variance).
  public let logVarianceRatio: Double
  /// Channels with a new variance of zero: constant over the whole data set.
  public let constantChannels: Int
  /// Channels with a weight of zero: their output is their bias, whatever the input.
  public let deadChannels: Int

  /// Compares two states of a layer.
  ///
  /// - Parameters:
  ///   - layer: name of the layer.
  ///   - old: statistics before.
  ///   - new: statistics after, of the same number of channels.
  ///   - weight: the layer's scale; nil for none.
  ///   - eps: the layer's eps, added to both variances as the layer itself does.
  public init(
    layer: String, old: RunningStatistics, new: RunningStatistics, weight: [Float]? = nil, eps: Double
  ) {
    self.layer = layer
    var shifts = 0.0
    var ratios = 0.0
    for channel in new.mean.indices {
      let oldVariance = max(0, old.variance[channel]) + eps
      let shift = new.mean[channel] - old.mean[channel]
      shifts += shift * shift / oldVariance
      let ratio = log((new.variance[channel] + eps) / oldVariance)
      ratios += ratio * ratio
    }
    let channels = Double(max(1, new.mean.count))
    meanShift = (shifts / channels).squareRoot()
    logVarianceRatio = (ratios / channels).squareRoot()
    constantChannels = new.variance.count(where: { $0 == 0 })
    deadChannels = weight?.count(where: { $0 == 0 }) ?? 0
  }
}

extension LayerDrift: CustomStringConvertible {
  /// One line for a report.
  public var description: String {
    let channels = [("constant", constantChannels), ("dead", deadChannels)].filter { $0.1 > 0 }
      .map { ", \($0.1) \($0.0) channel\($0.1 == 1 ? "" : "s")" }.joined()
    let moves = String(format: "mean moved %.3f σ, ln variance %.3f", meanShift, logVarianceRatio)
    return "\(layer): \(moves)\(channels)"
  }
}
