import Checkpoint

extension AveragingState {
  /// The average of the checkpoints in the sums, rounded as in one run.
  ///
  /// - Parameters:
  ///   - combination: Combination of all of them.
  ///   - dtype: Element type of the floating-point tensors; nil keeps each one's own.
  public func result(_ combination: LinearCombination, dtype: DType?) throws -> AveragingPlan {
    let sum = Combination.linear(
      LinearCombination(steps: [.init(keep: 0, add: 1)], divisor: combination.divisor / keep))
    let entries = layout.map { tensor -> AveragingPlan.Entry in
      var output = tensor
      if let dtype, tensor.dtype.isFloatingPoint { output.dtype = dtype }
      let input = source.spec(tensor.name)!
      let operation: AveragingPlan.Operation =
        averaged.contains(tensor.name)
        ? .combine(sum) : tensor.dtype.isFloatingPoint ? .convert(input: 0) : .copy(input: 0)
      return AveragingPlan.Entry(output: output, input: input, operation: operation)
    }
    return AveragingPlan(
      series: try Series([source]), combination: sum, latest: 0, entries: entries)
  }

  /// The metadata of the result, apart from its provenance.
  public var resultMetadata: Metadata {
    var metadata = metadata
    if contributorCount > 1, layout.contains(where: { TensorRole($0) == .runningStatistic }) {
      metadata[MetadataKey.batchNorm] = MetadataKey.BatchNormState.stale
    }
    return metadata
  }
}
