import CKernels

/// How a network computes.
struct ComputeOptions: Sendable {
  /// The kernels to use; where this processor has not got them, the baseline.
  var instructionSet = ck_best_isa()
}
