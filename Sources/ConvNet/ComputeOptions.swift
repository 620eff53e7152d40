import CKernels

/// How a network computes.
public struct ComputeOptions: Sendable {
  /// Whether 3x3 convolutions are summed product by product. Winograd's transformed sums, the default, need less than
  /// half the arithmetic and round about ten times as much: some 1e-6 of the largest logit.
  public var exact: Bool
  /// The kernels to use; where this processor has not got them, the baseline.
  var instructionSet = ck_best_isa()
  /// Floats of maps that inference keeps in use for every thread: about a share of the last cache.
  package var liveFloatsPerThread = 2 << 20

  /// - Parameter exact: Whether 3x3 convolutions are summed product by product.
  public init(exact: Bool = false) { self.exact = exact }

  init(exact: Bool = false, instructionSet: ck_isa) {
    self.exact = exact
    self.instructionSet = instructionSet
  }
}
