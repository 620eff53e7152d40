import CKernels

/// How a network computes.
public struct ComputeOptions: Sendable {
  /// How 3x3 convolutions are summed.
  public var sums: ConvolutionSums
  /// The kernels to use; where this processor has not got them, the baseline.
  var instructionSet = ck_best_isa()
  /// Floats of maps that inference keeps in use for every thread: about a share of the last cache.
  package var liveFloatsPerThread = 2 << 20

  /// - Parameter sums: How 3x3 convolutions are summed.
  public init(sums: ConvolutionSums = .largeTiles) { self.sums = sums }

  /// How BatchNorm statistics are measured: the rounding of large tiles would grow through normalised layers to more than
  /// statistics may be off.
  public static let statistics = ComputeOptions(sums: .smallTiles)

  init(sums: ConvolutionSums = .largeTiles, instructionSet: ck_isa) {
    self.sums = sums
    self.instructionSet = instructionSet
  }
}
