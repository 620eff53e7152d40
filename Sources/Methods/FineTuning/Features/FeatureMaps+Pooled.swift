import Platform
import TensorMath

extension FeatureMaps {
  /// Writes the pooled features of every image into `target` from image `first` on: maps of one position,
  /// which suffice to train the classifier alone.
  ///
  /// - Parameters:
  ///   - target: receives the pooled features, a map of one position per image.
  ///   - first: index in `target` of the first image.
  ///   - activation: activation between BatchNorm and pooling.
  ///   - batchNorm: applied first, with its running statistics; nil if there is none.
  ///   - pool: runs the arithmetic.
  public func storePooled(
    into target: FeatureMaps, at first: Int, activation: TailActivation, batchNorm: BatchNormParameters?,
    pool: ThreadPool
  ) throws {
    let affine = ChannelAffine(batchNorm, channels: shape.channels, stride: shape.stride)
    let stride = shape.stride
    let scratch = Tensor(shape: [pool.threadCount, 3, stride])
    try pool.forEach(shape.count) { index, worker in
      let offset = worker * 3 * stride
      TailKernel.run(
        activation, self, image: index, affine: affine,
        into: PooledOutputs(
          value: scratch.vectors(at: offset), byBeta: scratch.vectors(at: offset + stride),
          byGamma: scratch.vectors(at: offset + 2 * stride)))
      try target.store(first + index, map: scratch.pointer + offset, residual: nil)
    }
  }
}
