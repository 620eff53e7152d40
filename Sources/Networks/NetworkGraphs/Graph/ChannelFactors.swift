import Checkpoint

/// What a map is multiplied by and what is added then, per channel.
package struct ChannelFactors: Sendable, Equatable {
  /// One number for each channel.
  package enum Values: Sendable, Equatable {
    /// A tensor of the checkpoint, read in its order; of one element for all channels, or as many as there are.
    case tensor(TensorName)
    /// Numbers of the network's description.
    case constants([Float])
    /// One number for all channels.
    case constant(Float)
  }

  /// nil is 1.
  package var scale: Values?
  /// nil is 0.
  package var shift: Values?
}
