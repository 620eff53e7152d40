import Checkpoint
import NetworkExecution
import NetworkGraphs

extension Network {
  /// The BatchNorms that were frozen in training: those without a step counter (like torchvision's
  /// `FrozenBatchNorm2d`) in a file in which others have one. A file without any counter predates the
  /// counters and is no evidence.
  public var frozenBatchNorms: [BatchNormLayer] {
    let uncounted = batchNorms.filter { description.checkpoint.spec($0.numBatchesTrackedKey) == nil }
    return uncounted.count < batchNorms.count ? uncounted : []
  }

  /// The other BatchNorms, in execution order: the ones to recalibrate.
  public var trainedBatchNorms: [BatchNormLayer] {
    let frozen = Set(frozenBatchNorms)
    return batchNorms.filter { !frozen.contains($0) }
  }

  /// The tensors that store statistics in a checkpoint, in the shapes and types that they have there.
  ///
  /// - Parameters:
  ///   - statistics: layers and their new statistics; rounded once to the checkpoint's types.
  ///   - batchCount: new value of `num_batches_tracked` where the checkpoint has it.
  ///   - source: the checkpoint that the network was built from.
  /// - Throws: `CheckpointError.unrepresentable` for values beyond the range of the checkpoint's type.
  public func stored(
    _ statistics: [(layer: BatchNormLayer, statistics: RunningStatistics)], batchCount: Int,
    in source: any CheckpointSource
  ) throws -> [TensorName: TensorValue] {
    var tensors: [TensorName: TensorValue] = [:]
    for (layer, new) in statistics {
      for (key, values) in [(layer.runningMeanKey, new.mean), (layer.runningVarKey, new.variance)] {
        let old = try parameter(key)
        tensors[key] = try TensorValue(doubles: values, shape: old.shape, dtype: old.dtype, name: key)
      }
      let counter = layer.numBatchesTrackedKey
      if source.spec(counter) != nil {
        tensors[counter] = TensorValue(i64: [Int64(batchCount)], shape: [])
      }
    }
    return tensors
  }
}
