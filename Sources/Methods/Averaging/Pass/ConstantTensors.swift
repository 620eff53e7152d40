import Synchronization

/// Tensors with values that have no average, such as masks of -∞.
///
/// They are copied if all checkpoints agree on the whole tensor, which is known when all of its pieces have
/// been seen, in any order.
final class ConstantTensors: Sendable {
  private struct Findings {
    var differs = false
    var failure: AveragingError?
  }

  private let findings = Mutex<[Int: Findings]>([:])

  /// Records a piece in which the checkpoints differ.
  ///
  /// - Throws: The failure of another piece of the tensor.
  func differ(_ entry: Int) throws {
    try note(entry) { $0.differs = true }
  }

  /// Records a piece with values that have no average, on which the checkpoints agree.
  ///
  /// - Throws: `failure`, if they differ in another piece of the tensor.
  func pass(_ entry: Int, _ failure: AveragingError) throws {
    try note(entry) { $0.failure = $0.failure ?? failure }
  }

  private func note(_ entry: Int, _ change: (inout Findings) -> Void) throws {
    let found = findings.withLock { findings in
      change(&findings[entry, default: Findings()])
      return findings[entry]!
    }
    if found.differs, let failure = found.failure { throw failure }
  }
}
