import TensorMath

/// Per-channel constants that turn a BatchNorm input x into z = γ·(x − mean)·invStd + β, in the padded layout
/// of the features. Constants of padding channels are zeros, so that their results are too.
struct ChannelAffine {
  let mean: Tensor
  let invStd: Tensor
  let gamma: Tensor
  let beta: Tensor
  private let eps: Double

  /// `batchNorm` with its running statistics; z = x for nil.
  init(_ batchNorm: BatchNormParameters?, channels: Int, stride: Int) {
    func padded(_ values: [Float]) -> Tensor {
      Tensor(shape: [stride], values: values + Array(repeating: 0, count: stride - channels))
    }
    mean = Tensor(shape: [stride])
    invStd = padded(Array(repeating: 1, count: channels))
    gamma = padded(batchNorm?.gamma ?? Array(repeating: 1, count: channels))
    beta = padded(batchNorm?.beta ?? Array(repeating: 0, count: channels))
    eps = batchNorm?.eps ?? 0
    if let batchNorm { setStatistics(mean: batchNorm.runningMean, variance: batchNorm.runningVar) }
  }

  /// Normalizes with these statistics from here on; `variance` is the one in PyTorch's denominator √(variance
  /// + ε).
  func setStatistics(mean values: [Double], variance: [Double]) {
    for channel in values.indices {
      mean.pointer[channel] = Float(values[channel])
      invStd.pointer[channel] = Float(1 / (variance[channel] + eps).squareRoot())
    }
  }
}
