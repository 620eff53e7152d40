import NetworkGraphs
import Platform
import TensorMath

/// The last layers on cached features, forward and backward, for batches up to `capacity` images.
///
/// BatchNorm (with given statistics) → + residual → activation → global average pooling → linear. Float32;
/// the statistics are reduced in float64. The division of the work does not depend on the number of threads.
final class Tail {
  let activation: Activation
  let pool: ThreadPool
  let capacity: Int
  let classes: Int
  let channels: Int
  let weight: TrainableParameter
  let bias: TrainableParameter?
  /// The norm's γ and β in the padded layout of the features; ones and zeros where there is none.
  let gamma: TrainableParameter
  let beta: TrainableParameter
  private(set) var statistics: BatchNormParameters?
  /// The LayerNorm that γ and β belong to, as it was in the beginning.
  private let layerNorm: LayerNormParameters?

  private let stride: Int
  private let affine: TailNormalization
  private let pooled: Tensor
  private let byBeta: Tensor
  private let byGamma: Tensor
  private let pooledGradient: Tensor
  private let logitsStorage: Tensor
  private let logitsGradient: Tensor

  init(
    _ parameters: TailParameters, activation: Activation, capacity: Int, decaysBias: Bool = false,
    pool: ThreadPool
  ) throws {
    try parameters.validate()
    self.activation = activation
    self.pool = pool
    self.capacity = capacity
    classes = parameters.classes
    channels = parameters.channels
    stride = FeatureShape.stride(channels: channels)
    weight = TrainableParameter(
      Tensor(shape: [classes, channels], values: parameters.weight), decays: true)
    bias = parameters.bias.map {
      TrainableParameter(Tensor(shape: [$0.count], values: $0), decays: decaysBias)
    }
    statistics = parameters.batchNorm
    layerNorm = parameters.layerNorm
    affine = TailNormalization(
      parameters.batchNorm, parameters.layerNorm, channels: parameters.channels, stride: stride)
    gamma = TrainableParameter(affine.gamma, decays: false)
    beta = TrainableParameter(affine.beta, decays: false)
    pooled = Tensor(shape: [capacity, stride])
    byBeta = Tensor(shape: [capacity, stride])
    byGamma = Tensor(shape: [capacity, stride])
    pooledGradient = Tensor(shape: [capacity, stride])
    logitsStorage = Tensor(shape: [capacity, classes])
    logitsGradient = Tensor(shape: [capacity, classes])
  }

  /// The current parameters.
  var parameters: TailParameters {
    var norm = statistics
    norm?.gamma = Array(gamma.value.values.prefix(channels))
    norm?.beta = Array(beta.value.values.prefix(channels))
    return TailParameters(
      weight: weight.value.values, bias: bias?.value.values, batchNorm: norm,
      layerNorm: layerNorm.map {
        LayerNormParameters(
          weight: Array(gamma.value.values.prefix(channels)),
          bias: $0.bias.map { _ in Array(beta.value.values.prefix(channels)) })
      }, classes: classes, channels: channels)
  }

  /// The norm's parameters that training may change.
  var normParameters: [TrainableParameter] {
    if statistics != nil { return [gamma, beta] }
    return layerNorm.map { $0.bias == nil ? [gamma] : [gamma, beta] } ?? []
  }

  /// The parameters with those of `trained`, in that order, replaced by `values`.
  func parameters(replacing trained: [TrainableParameter], by values: [[Double]]) -> TailParameters {
    var result = parameters
    for (parameter, value) in zip(trained, values) {
      let rounded = value.map(Float.init)
      switch parameter {
      case weight: result.weight = rounded
      case gamma:
        result.batchNorm?.gamma = Array(rounded.prefix(channels))
        result.layerNorm?.weight = Array(rounded.prefix(channels))
      case beta:
        result.batchNorm?.beta = Array(rounded.prefix(channels))
        result.layerNorm?.bias = Array(rounded.prefix(channels))
      default: result.bias = rounded
      }
    }
    return result
  }

  // MARK: Statistics

  /// Normalizes with the statistics of `images` and moves the running statistics toward them.
  ///
  /// As in PyTorch, the biased variance normalizes and the unbiased one enters the running variance.
  func useBatchStatistics(of images: FeatureRows) {
    guard var norm = statistics else { return }
    let (batchMean, variance) = images.maps.moments(of: images.rows, pool: pool)
    affine.setStatistics(mean: batchMean, variance: variance)
    let values = Double(images.valuesPerChannel)
    for channel in 0..<channels {
      norm.runningMean[channel] += norm.momentum * (batchMean[channel] - norm.runningMean[channel])
      let unbiased = variance[channel] * values / (values - 1)
      norm.runningVar[channel] += norm.momentum * (unbiased - norm.runningVar[channel])
    }
    norm.numBatchesTracked = norm.numBatchesTracked.map { $0 + 1 }
    statistics = norm
  }

  /// Sets the running statistics to those of `images` (biased variance, as in recalibration) and uses them.
  func recalibrate(on images: FeatureRows) {
    guard statistics != nil else { return }
    let (batchMean, variance) = images.maps.moments(of: images.rows, pool: pool)
    statistics?.runningMean = batchMean
    statistics?.runningVar = variance
    affine.setStatistics(mean: batchMean, variance: variance)
  }

  // MARK: Forward

  /// Computes the pooled features of `images` and their derivatives.
  func poolFeatures(_ images: FeatureRows) {
    precondition(images.maps.shape.channels == channels && images.count <= capacity)
    let (rows, first) = (images.rows, images.rows.startIndex)
    pool.forEach(rows.count) { row, _ in
      let offset = row * stride
      TailKernel.run(
        activation, images.maps, image: rows[first + row], affine: affine,
        into: PooledOutputs(
          value: pooled.vectors(at: offset), byBeta: byBeta.vectors(at: offset),
          byGamma: byGamma.vectors(at: offset)))
    }
  }

  /// Logits of `images`, [images, classes] in row-major order.
  func forward(_ images: FeatureRows) -> [Double] {
    poolFeatures(images)
    let rows = images.rows
    let logits = logitsStorage.pointer
    pool.forEachRange(of: classes, length: Self.classBlock) { range in
      GEMM.multiply(
        m: rows.count, n: range.count, k: channels, a: pooled.pointer, lda: stride,
        b: weight.value.pointer + range.lowerBound * channels, ldb: channels, transposeB: true,
        c: logits + range.lowerBound, ldc: classes)
      guard let bias = bias?.value.pointer else { return }
      for row in 0..<rows.count {
        for j in range { logits[row * classes + j] += bias[j] }
      }
    }
    return (0..<rows.count * classes).map { Double(logits[$0]) }
  }

  // MARK: Backward

  /// Computes the gradients of the last forward pass.
  ///
  /// - Parameters:
  ///   - logitsGradient: dLoss/dLogits, [rows, classes].
  ///   - trainsNorm: true if γ's and β's gradients are wanted too.
  func backward(_ gradient: [Double], rows: Int, trainsNorm: Bool) {
    let byLogits = logitsGradient.pointer
    for i in 0..<rows * classes { byLogits[i] = Float(gradient[i]) }
    pool.forEachRange(of: classes, length: Self.classBlock) { range in
      GEMM.multiply(
        m: range.count, n: channels, k: rows, a: byLogits + range.lowerBound, lda: classes, transposeA: true,
        b: pooled.pointer, ldb: stride,
        c: weight.gradient.pointer + range.lowerBound * channels, ldc: channels)
      guard let bias else { return }
      for j in range {
        var sum = 0.0
        for row in 0..<rows { sum += gradient[row * classes + j] }
        bias.gradient.pointer[j] = Float(sum)
      }
    }
    guard trainsNorm else { return }
    pool.forEachRange(of: channels, length: Self.channelBlock) { range in
      let byPooled = pooledGradient.pointer
      GEMM.multiply(
        m: rows, n: range.count, k: classes, a: byLogits, lda: classes,
        b: weight.value.pointer + range.lowerBound, ldb: channels,
        c: byPooled + range.lowerBound, ldc: stride)
      for channel in range {
        var gammaSum = 0.0
        var betaSum = 0.0
        for row in 0..<rows {
          let at = row * stride + channel
          gammaSum += Double(byPooled[at] * byGamma.pointer[at])
          betaSum += Double(byPooled[at] * byBeta.pointer[at])
        }
        gamma.gradient.pointer[channel] = Float(gammaSum)
        beta.gradient.pointer[channel] = Float(betaSum)
      }
    }
  }

  private static let classBlock = 128
  private static let channelBlock = 256
}

/// Per-channel constants that turn a BatchNorm input x into z = γ·(x − mean)·invStd + β, in the padded layout
/// of the features. Constants of padding channels are zeros, so that their results are too.
struct TailNormalization {
  let mean: Tensor
  let invStd: Tensor
  let gamma: Tensor
  let beta: Tensor
  private let eps: Double

  /// The BatchNorm with its running statistics, or scale and shift of the LayerNorm; z = x without either.
  init(
    _ batchNorm: BatchNormParameters?, _ layerNorm: LayerNormParameters? = nil, channels: Int, stride: Int
  ) {
    func padded(_ values: [Float]) -> Tensor {
      Tensor(shape: [stride], values: values + Array(repeating: 0, count: stride - channels))
    }
    mean = Tensor(shape: [stride])
    invStd = padded(Array(repeating: 1, count: channels))
    gamma = padded(batchNorm?.gamma ?? layerNorm?.weight ?? Array(repeating: 1, count: channels))
    beta = padded(batchNorm?.beta ?? layerNorm?.bias ?? Array(repeating: 0, count: channels))
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
