import Checkpoint

/// Scale and shift of a map, per channel.
package struct ChannelFactors: Sendable, Equatable {
  /// One number for each channel.
  package enum Values: Sendable, Equatable {
    /// A tensor of the checkpoint, read in its order; of one element, or one per channel.
    case tensor(TensorName)
    /// Numbers of the network's description.
    case constants([Float])
    /// One number for all channels.
    case constant(Float)
  }

  /// Scale; nil is 1.
  package var scale: Values?
  /// Shift; nil is 0.
  package var shift: Values?
}
