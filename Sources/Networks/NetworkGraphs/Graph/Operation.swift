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
  /// Channels [row in the block][column in the block][channel] of every pixel become a block of pixels.
  case depthToSpace(rows: Int, columns: Int)
  /// Every pixel becomes a block of equal ones.
  case enlarge(rows: Int, columns: Int)
  case transposedConvolution(TransposedConvolution)
  /// The map at another size; a target that is like another map has that as its second input.
  case resample(Resampling)
  /// Some rows and columns of the map.
  case subsample(rows: Steps, columns: Steps)
  /// A convolution of a single filter along the channels of a one-pixel map (efficient channel attention).
  case acrossChannels(weight: TensorName, taps: Int, padding: Int)
  /// The softmax over `groups` ranges of channels of every pixel, element by element of a range.
  case softmax(groups: Int)
  /// The sum of `groups` ranges of channels.
  case sumOfGroups(Int)

  // Operations of transformers.

  case layerNorm(LayerNorm)
  case globalResponseNorm(GlobalResponseNorm)
  case attention(Attention)
  /// The tokens of a map of pixels.
  case embed(TokenEmbedding)
  /// A range of the tokens, whose end may be `Int.max`.
  case tokens(Range<Int>)
  /// Blocks of 2x2 pixels become one with the channels [column][row][channel]; an odd map is filled up with zeros.
  case mergePatches
  /// The map filled up to whole windows, which zeros set apart.
  case spaceWindows(SpacedWindows)
  /// The first input without the zeros that `spaceWindows` has added, at the size of the second.
  case joinWindows(SpacedWindows)
  case crossAttention(CrossAttention)
  case rotate(RotaryEmbedding)
  case crossCovariance(CrossCovariance)
  case linearAttention(LinearAttention)
  case groupNorm(GroupNorm)
  /// Learned tokens, `[1, count, channels]`, which are the same for every image; the input gives their number alone.
  case parameter(TensorName, count: Int)
  /// Tokens become channels and channels tokens.
  case transpose
  /// The tokens of all inputs, one after the other.
  case joinTokens
  /// The tokens of the first input as the pixels of a map of the second's size, row by row.
  case gridOfTokens
  /// Sines and cosines of the places of pixels, [row or column][wave][sine, cosine] (Ali et al.: "XCiT", 2021); the input
  /// gives the size of the map alone.
  case wavePositions(waves: Int)

  // Operations on values of any rank, of imported networks.

  case arrange(Arrangement)
  case takeRows(RowSelection)
  case product(StridedProduct)
  case stridedAttention(StridedAttention)
  /// The softmax over all channels of a pixel, or its logarithm.
  case softmaxOfChannels(isLogarithm: Bool)
  /// One number for each pixel.
  case reduceChannels(ChannelReduction)
  /// The second map's elements where the first is not 0, else the third's.
  case select
}

/// A convolution with the names of its weights.
package struct Convolution: Sendable, Equatable {
  package let weight: TensorName
  package let bias: TensorName?
  package let window: Window
  package let groups: Int
  package let inputChannels: Int
  package let outputChannels: Int
  /// Standardization of the weight; nil takes it as it is.
  package var standardization: WeightStandardization? = nil

  /// Products per output pixel and output channel.
  package var depth: Int { window.kernel.height * window.kernel.width * inputChannels / groups }
}

/// Weights of an output to mean 0 and variance 1, times a factor and a learned gain: w = scale gain (v - mean) / sqrt(variance + eps).
///
/// Qiao et al.: "Micro-Batch Training with Batch-Channel Normalization and Weight Standardization" (2019); Brock et al.:
/// "Characterizing signal propagation" (2021) for the factor and the gain.
package struct WeightStandardization: Sendable, Equatable {
  /// Key of the gain, one number for each output; nil is 1.
  package let gain: TensorName?
  package let scale: Float
  package let eps: Float
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

/// A pointwise nonlinearity.
public enum Activation: String, Sendable, CaseIterable {
  /// x
  case identity
  /// max(x, 0)
  case relu
  /// min(max(x, 0), 6)
  case relu6
  /// 1 / (1 + e^-x)
  case sigmoid
  /// x sigmoid(x), also called swish
  case silu
  /// min(max(x + 3, 0), 6) / 6
  case hardsigmoid
  /// x hardsigmoid(x)
  case hardswish
  /// x times the normal distribution function of x
  case gelu
  /// `gelu` approximated by tanh (Hendrycks, Gimpel 2016)
  case geluTanh
  /// x sigmoid(1.702 x)
  case quickGelu
}

/// A nonlinearity that is not part of the kernels.
package enum PointwiseFunction: Sendable, Equatable {
  /// x, or x times the slope below zero.
  case leakyRelu(slope: Float)
  /// x, or x times the channel's slope below zero.
  case parametricRelu(slopes: ChannelFactors.Values)
  /// x, or alpha (e^x - 1) below zero.
  case elu(alpha: Float)
  /// The square of max(x, 0).
  case squaredRelu
  /// log(1 + e^x)
  case softplus
  /// x tanh(softplus(x))
  case mish
  case tanh
  case erf
  case clip(low: Float, high: Float)
  /// min(max(slope x + offset, 0), 1)
  case hardSigmoid(slope: Float, offset: Float)
  case sine
  case cosine
  case exponential
  case logarithm
  case squareRoot
  case reciprocal
  case absolute
  /// x to this power
  case power(Float)
}

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
    /// Parts one after the other: some elements of a tensor, or zeros.
    case parts([Part])
  }

  /// Some of the numbers of all channels.
  package struct Part: Sendable, Equatable {
    /// The tensor that holds them; nil for zeros.
    package let tensor: TensorName?
    /// Places of the tensor's elements.
    package let range: Range<Int>
  }

  /// Scale; nil is 1.
  package var scale: Values?
  /// Shift; nil is 0.
  package var shift: Values?
}
