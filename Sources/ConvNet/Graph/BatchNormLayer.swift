import Checkpoint

/// A BatchNorm of a network: y = (x - mean) / sqrt(variance + eps) * weight + bias per channel.
///
/// Ioffe, Szegedy: "Batch Normalization" (2015). The running statistics are those of the checkpoint unless
/// `Network.setRunningStatistics` replaces them.
public struct BatchNormLayer: Sendable, Hashable {
  /// The module's name in the state dict, for example `layer1.0.bn1`.
  public let name: String
  /// Number of channels.
  public let channels: Int
  /// Added to the variance before the root; from the family, since a state dict does not hold it.
  public let eps: Double
  /// Weight of the newest batch in the running statistics; from the family.
  public let momentum: Double
  /// Position in the network's graph.
  public let nodeIndex: Int

  /// Key of the scale, absent from the state dict where the layer has none.
  public var weightKey: TensorName { TensorName(name + ".weight") }
  /// Key of the shift, absent from the state dict where the layer has none.
  public var biasKey: TensorName { TensorName(name + ".bias") }
  /// Key of the running mean.
  public var runningMeanKey: TensorName { TensorName(name + ".running_mean") }
  /// Key of the running variance.
  public var runningVarKey: TensorName { TensorName(name + ".running_var") }
  /// Key of the step counter, absent from old checkpoints.
  public var numBatchesTrackedKey: TensorName { TensorName(name + ".num_batches_tracked") }
}
