import Checkpoint
import ConvNet

extension Network {
  /// The tensors that store statistics in a checkpoint, of the shapes and types that they have there.
  ///
  /// - Parameters:
  ///   - statistics: layers and what they are to normalise with; rounded once to the checkpoint's types.
  ///   - batchCount: what `num_batches_tracked` becomes where the checkpoint has it.
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
