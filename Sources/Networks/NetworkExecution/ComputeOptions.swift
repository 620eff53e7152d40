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
