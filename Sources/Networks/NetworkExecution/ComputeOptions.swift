import CNetworkKernels

/// How a network computes.
public struct ComputeOptions: Sendable {
  /// How 3x3 convolutions are summed.
  public var sums: ConvolutionSums
  /// What dense convolutions multiply.
  public var precision: ComputePrecision
  /// The kernels to use; where this processor lacks them, the scalar ones.
  var instructionSet = ck_layer_kernels_best().pointee.isa
  /// Those of bfloat16 numbers; nil is the best that this processor has.
  var bfloat16Kernels: ck_bf16_kernels?
  /// Floats of maps that inference keeps in use for every thread: about a share of the last cache.
  package var liveFloatsPerThread = 4 << 20

  /// - Parameters:
  ///   - sums: How 3x3 convolutions are summed.
  ///   - precision: What dense convolutions multiply.
  public init(sums: ConvolutionSums = .largeTiles, precision: ComputePrecision = .float32) {
    self.sums = sums
    self.precision = precision
  }

  /// How BatchNorm statistics are measured: the rounding of large tiles would grow through normalised layers to more than
  /// statistics may be off.
  public static let statistics = ComputeOptions(sums: .smallTiles)

  init(sums: ConvolutionSums = .largeTiles, instructionSet: ck_isa) {
    self.init(sums: sums)
    self.instructionSet = instructionSet
  }
}
