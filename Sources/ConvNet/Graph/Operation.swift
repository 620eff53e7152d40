import Checkpoint

/// What a node of a graph computes. Maps are NHWC; a vector is a map of one pixel.
enum Operation: Sendable {
  case input
  case convolution(Convolution)
  case batchNorm(BatchNormLayer)
  case activation(Activation)
  /// The sum of two maps of one shape.
  case add
  /// The first map times the second, which has one pixel: a squeeze-and-excitation gate.
  case gate
  /// Channels of all inputs one after the other.
  case concatenate
  /// A range of the channels.
  case slice(Range<Int>)
  /// Channels [group][index] become [index][group] (ShuffleNet).
  case shuffle(groups: Int)
  case maxPool(Window)
  case averagePool(Window, countIncludePad: Bool)
  /// The mean over all pixels, one pixel remains.
  case globalAverage
  /// The mean over the cells of a fixed grid (PyTorch's `AdaptiveAvgPool2d`).
  case adaptiveAverage(height: Int, width: Int)
  case linear(Linear)
}

/// A convolution and where its weights are.
struct Convolution: Sendable {
  let weight: TensorName
  let bias: TensorName?
  let window: Window
  let groups: Int
  let inputChannels: Int
  let outputChannels: Int

  /// Products per output pixel and output channel.
  var depth: Int { window.kernel.height * window.kernel.width * inputChannels / groups }
}

/// A fully connected layer and where its weights are.
struct Linear: Sendable {
  let weight: TensorName
  let bias: TensorName?
  /// Size of the map it reads; PyTorch flattens such a map with the channels outermost.
  let height: Int
  let width: Int
  let inputChannels: Int
  let outputChannels: Int

  var inputs: Int { height * width * inputChannels }
}
