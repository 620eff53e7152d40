import Checkpoint

/// The metadata of an average.
public struct MergedMetadata: Sendable, Equatable {
  /// Metadata of the output, apart from its own provenance.
  public let metadata: Metadata
  /// Keys of these tools on which the inputs disagree; they are not in the output.
  public let dropped: [String]

  /// Keys that begin with `ckpt.` are kept when all weighted checkpoints agree on them; others come from the
  /// newest of these. `ckpt.bn` becomes `stale` when the running statistics no longer fit the weights, and
  /// `ckpt.tied` lists the tensors that share their data in all of the checkpoints.
  public init(_ plan: AveragingPlan) {
    let contributors = Set(plan.combination.contributors + plan.entries.flatMap(plan.contributors)).sorted()
    let outputs = Set(plan.entries.map(\.output.name))
    self.init(
      contributors.map { plan.series.members[$0].source.metadata },
      tied: plan.series.tiedTensors(in: contributors).groups.map { $0.filter(outputs.contains) },
      isStale: plan.makesBatchNormStale)
  }

  init(_ inputs: [Metadata], tied: [[TensorName]], isStale: Bool = false) {
    var merged = inputs[inputs.count - 1]
    let own = Set(inputs.flatMap { $0.sortedEntries.map { TensorName($0.key) } }).sorted().map(\.string)
      .filter { $0.hasPrefix(MetadataKey.prefix) }
    var dropped: [String] = []
    for key in own where Set(inputs.map { $0[key].map { TensorName($0) } }).count > 1 {
      merged[key] = nil
      dropped.append(key)
    }
    if isStale {
      merged[MetadataKey.batchNorm] = MetadataKey.BatchNormState.stale
      dropped.removeAll { $0 == MetadataKey.batchNorm }
    }
    merged.tiedTensors = tied
    dropped.removeAll { $0 == MetadataKey.tied }
    metadata = merged
    self.dropped = dropped
  }
}
