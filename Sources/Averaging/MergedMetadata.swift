import Checkpoint

/// The metadata of an average.
public struct MergedMetadata: Sendable, Equatable {
  /// What the output gets, its own provenance aside.
  public let metadata: Metadata
  /// Keys of these tools on which the inputs do not agree; they are not in the output.
  public let dropped: [String]

  /// Keys that begin with `ckpt.` are kept when all checkpoints that have a weight agree on them; others come from the
  /// newest of them. `ckpt.bn` becomes `stale` when running statistics belong to none of the weights any more.
  public init(_ plan: AveragingPlan) {
    let inputs = plan.combination.contributors.map { plan.series.members[$0].source.metadata }
    var merged = inputs[inputs.count - 1]
    let own = Set(inputs.flatMap { $0.sortedEntries.map { TensorName($0.key) } }).sorted().map(\.string)
      .filter { $0.hasPrefix("ckpt.") }
    var dropped: [String] = []
    for key in own where Set(inputs.map { $0[key].map { TensorName($0) } }).count > 1 {
      merged[key] = nil
      dropped.append(key)
    }
    if plan.makesBatchNormStale {
      merged["ckpt.bn"] = "stale"
      dropped.removeAll { $0 == "ckpt.bn" }
    }
    metadata = merged
    self.dropped = dropped
  }
}
