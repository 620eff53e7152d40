import Checkpoint

/// Computation of a node of a graph. Maps are NHWC; a vector is a map of one pixel.
package enum Operation: Sendable, Equatable {
  case input
  case convolution(Convolution)
  case batchNorm(BatchNormLayer)
  case activation(Activation)
  /// The sum of two maps of equal shape.
  case add
  /// The first map times the second, which has one pixel: a squeeze-and-excitation gate.
  case gate
  /// The channels of all inputs, concatenated.
  case concatenate
  /// A range of the channels.
  case slice(Range<Int>)
  /// Channels [group][index] become [index][group] (ShuffleNet).
  case shuffle(groups: Int)
  case maxPool(Window)
  case averagePool(Window, countIncludePad: Bool)
  /// The mean over all pixels, which leaves one pixel.
  case globalAverage
  /// The mean over the cells of a fixed grid (PyTorch's `AdaptiveAvgPool2d`).
  case adaptiveAverage(height: Int, width: Int)
  case linear(Linear)

  // Further operations of imported networks.

  /// x * scale + shift, per channel.
  case affine(ChannelFactors)
  /// The product of two maps of equal shape.
  case multiply
  /// The first map times the second, which has one channel.
  case mask
  case function(PointwiseFunction)
  /// The maximum over all pixels, which leaves one pixel.
  case globalMax
  /// Pixels added around the map, or cropped from it.
  case pad(Margins)
  /// Output channel i is input channel `order[i]`.
  case reorder([Int])
  /// Blocks of pixels become one pixel with the channels [row in the block][column in the block][channel].
  case spaceToDepth(rows: Int, columns: Int)
  /// Every pixel becomes a block of equal ones.
  case enlarge(rows: Int, columns: Int)
  /// A convolution of a single filter along the channels of a one-pixel map (efficient channel attention).
  case acrossChannels(weight: TensorName, taps: Int, padding: Int)
  /// The softmax over `groups` ranges of channels, element by element of a range, of a one-pixel map.
  case softmax(groups: Int)
  /// The sum of `groups` ranges of channels.
  case sumOfGroups(Int)
}

/// A convolution with the names of its weights.
package struct Convolution: Sendable, Equatable {
  package let weight: TensorName
  package let bias: TensorName?
  package let window: Window
  package let groups: Int
  package let inputChannels: Int
  package let outputChannels: Int

  /// Products per output pixel and output channel.
  package var depth: Int { window.kernel.height * window.kernel.width * inputChannels / groups }
}

/// A fully connected layer with the names of its weights.
package struct Linear: Sendable, Equatable {
  package let weight: TensorName
  package let bias: TensorName?
  /// Height of the map it reads, which PyTorch flattens with the channels outermost.
  package let height: Int
  package let width: Int
  package let inputChannels: Int
  package let outputChannels: Int
  /// True if the weight is stored as `[input][output]`.
  package var isTransposed = false

  package var inputs: Int { height * width * inputChannels }
}
