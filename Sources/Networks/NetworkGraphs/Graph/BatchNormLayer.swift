import Checkpoint

/// A BatchNorm of a network: y = (x - mean) / sqrt(variance + eps) * weight + bias per channel.
///
/// Ioffe, Szegedy: "Batch Normalization" (2015). The running statistics are those of the checkpoint unless
/// others are passed to the forward pass.
public struct BatchNormLayer: Sendable, Hashable {
  /// The module's name in the state dict, for example `layer1.0.bn1`.
  public let name: String
  /// Number of channels.
  public let channels: Int
  /// Added to the variance before the square root; defined by the family, since a state dict does not contain
  /// it.
  public let eps: Double
  /// Weight of the newest batch in the running statistics; defined by the family.
  public let momentum: Double
  /// Position in the network's graph.
  public internal(set) var nodeIndex: Int

  /// Key of the scale, absent from the state dict where the layer has none.
  public let weightKey: TensorName
  /// Key of the shift, absent from the state dict where the layer has none.
  public let biasKey: TensorName
  /// Key of the running mean.
  public let runningMeanKey: TensorName
  /// Key of the running variance.
  public let runningVarKey: TensorName
  /// Key of the step counter, absent from old checkpoints.
  public var numBatchesTrackedKey: TensorName { TensorName(name + ".num_batches_tracked") }

  /// - Parameter keys: Keys of scale, shift, mean and variance, where they are not PyTorch's.
  package init(
    name: String, channels: Int, eps: Double, momentum: Double, nodeIndex: Int,
    keys: (weight: TensorName, bias: TensorName, mean: TensorName, variance: TensorName)? = nil
  ) {
    self.name = name
    self.channels = channels
    self.eps = eps
    self.momentum = momentum
    self.nodeIndex = nodeIndex
    weightKey = keys?.weight ?? TensorName(name + ".weight")
    biasKey = keys?.bias ?? TensorName(name + ".bias")
    runningMeanKey = keys?.mean ?? TensorName(name + ".running_mean")
    runningVarKey = keys?.variance ?? TensorName(name + ".running_var")
  }
}
