import CNetworkKernels

/// Options of a network's arithmetic.
public struct ComputeOptions: Sendable {
  /// Summation of 3x3 convolutions.
  public var sums: ConvolutionSums
  /// Number type of the products of dense convolutions.
  public var precision: ComputePrecision
  /// The kernels to use; where this processor lacks them, the scalar ones.
  var instructionSet = ck_layer_kernels_best().pointee.isa
  /// The bfloat16 kernels; nil is the best that this processor supports.
  var bfloat16Kernels: ck_bf16_kernels?
  /// Floats of maps that inference keeps in use for every thread: about a share of the last-level cache.
  package var liveFloatsPerThread = 4 << 20

  /// - Parameters:
  ///   - sums: Summation of 3x3 convolutions.
  ///   - precision: Number type of the products of dense convolutions.
  public init(sums: ConvolutionSums = .largeTiles, precision: ComputePrecision = .float32) {
    self.sums = sums
    self.precision = precision
  }

  /// Options for measuring BatchNorm statistics: the rounding of large tiles would grow through normalized
  /// layers beyond the tolerance of statistics.
  public static let statistics = ComputeOptions(sums: .smallTiles)

  init(sums: ConvolutionSums = .largeTiles, instructionSet: ck_isa) {
    self.init(sums: sums)
    self.instructionSet = instructionSet
  }
}

/// Number type of the products of dense convolutions; sums, all other layers and all maps between layers are
/// float32.
public enum ComputePrecision: String, CaseIterable, Sendable {
  /// Float32 throughout.
  case float32 = "f32"
  /// Inputs and weights are rounded to bfloat16, 8 significant bits: logits are off by up to about 1e-2 of
  /// the largest. The first convolution, grouped ones and fully connected layers stay float32. Needs a
  /// processor with AMX or AVX-512 BF16.
  case bfloat16 = "bf16"
}

/// Summation of 3x3 convolutions of stride 1; all others are summed product by product.
///
/// Source of the transforms: A. Lavin, S. Gray, Fast Algorithms for Convolutional Neural Networks (CVPR
/// 2016).
public enum ConvolutionSums: CaseIterable, Sendable {
  /// Product by product.
  case direct
  /// By Winograd's F(2x2, 3x3): 4/9 of the products, with rounding like `direct`, which measurements deep in
  /// a network need, such as BatchNorm statistics.
  case smallTiles
  /// By Winograd's F(4x4, 3x3): a quarter of the products, with about ten times the rounding error, some 1e-6
  /// of the largest logit. Layers of 256 channels and more still have small tiles.
  case largeTiles

  /// Outputs of a tile along each axis; nil without tiles.
  var tileSide: Int? {
    switch self {
    case .direct: nil
    case .smallTiles: 2
    case .largeTiles: 4
    }
  }
}

/// Statistics that BatchNorm normalizes with.
public enum ForwardMode: Sendable {
  /// The running statistics.
  case inference
  /// Mean and biased variance of the batch itself.
  case batchStatistics
}
