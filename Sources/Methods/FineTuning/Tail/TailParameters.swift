import Statistics
import TensorMath

/// Start and result of a tuning run: the parameters of the classifier and, where it is trained, the last
/// BatchNorm.
public struct TailParameters: Sendable, Equatable {
  /// Classifier weight, [classes, channels] in row-major order.
  public var weight: [Float]
  /// Classifier bias, one per class; nil for a classifier without.
  public var bias: [Float]?
  /// The BatchNorm that the cached features are the input of; nil when they are pooled already.
  public var batchNorm: BatchNormParameters?
  /// The LayerNorm whose scale and shift the cached features lack; nil where they have them.
  public var layerNorm: LayerNormParameters?
  /// Tuned tensors before the classifier; nil where the classifier and the last norm alone are tuned.
  public var layers: LayerParameters?
  /// Outputs of the classifier.
  public let classes: Int
  /// Inputs of the classifier.
  public let channels: Int

  /// - Parameters:
  ///   - weight: [classes, channels] in row-major order.
  ///   - bias: one per class; nil for a classifier without.
  ///   - batchNorm: the last BatchNorm; nil when features are pooled already.
  ///   - layerNorm: the last LayerNorm; nil when features have its scale and shift.
  ///   - classes: outputs of the classifier.
  ///   - channels: inputs of the classifier.
  ///   - layers: tuned tensors before the classifier; nil without.
  public init(
    weight: [Float], bias: [Float]?, batchNorm: BatchNormParameters?, layerNorm: LayerNormParameters? = nil,
    classes: Int, channels: Int, layers: LayerParameters? = nil
  ) {
    precondition(batchNorm == nil || layerNorm == nil, "one norm precedes the pooling")
    self.layers = layers
    self.weight = weight
    self.bias = bias
    self.batchNorm = batchNorm
    self.layerNorm = layerNorm
    self.classes = classes
    self.channels = channels
  }

  /// Channels of the cached features that these parameters are trained on.
  var featureChannels: Int { layers == nil ? channels : FeatureShape.lanes }

  /// - Throws: `TuningError.shapeMismatch` for the first array of a wrong length.
  func validate() throws {
    func check(_ what: String, _ found: Int, _ expected: Int) throws {
      if found != expected {
        throw TuningError.shapeMismatch(what: what, expected: [expected], found: [found])
      }
    }
    try check("classifier weight", weight.count, classes * channels)
    if let bias { try check("classifier bias", bias.count, classes) }
    if let batchNorm {
      try check("BatchNorm weight", batchNorm.gamma.count, channels)
      try check("BatchNorm bias", batchNorm.beta.count, channels)
      try check("BatchNorm running_mean", batchNorm.runningMean.count, channels)
      try check("BatchNorm running_var", batchNorm.runningVar.count, channels)
    }
    for norm in layers?.batchNorms ?? [] {
      try check("BatchNorm running_var", norm.runningVar.count, norm.runningMean.count)
    }
    if let layerNorm {
      try check("LayerNorm weight", layerNorm.weight.count, channels)
      if let bias = layerNorm.bias { try check("LayerNorm bias", bias.count, channels) }
    }
  }
}

/// One trained tensor with the gradient of the current step.
final class TrainableParameter: @unchecked Sendable {
  let value: Tensor
  let gradient: Tensor
  /// True if weight decay applies: to matrices, not to biases and BatchNorm's γ and β.
  let decays: Bool

  /// Factor on the learning rate.
  let rateScale: Double

  /// - Parameter gradient: memory of the gradient; nil for its own.
  init(_ value: Tensor, gradient: Tensor? = nil, decays: Bool, rateScale: Double = 1) {
    self.value = value
    self.gradient = gradient ?? Tensor(shape: value.shape)
    self.decays = decays
    self.rateScale = rateScale
  }

  var count: Int { value.count }

  /// True if both are the same parameter, for use in a `switch`.
  static func ~= (pattern: TrainableParameter, value: TrainableParameter) -> Bool { pattern === value }
}

/// The last BatchNorm's parameters and running statistics.
public struct BatchNormParameters: Sendable, Equatable {
  /// Scale γ, one per channel.
  public var gamma: [Float]
  /// Shift β, one per channel.
  public var beta: [Float]
  /// Running mean, kept in float64 over the run.
  public var runningMean: [Double]
  /// Running variance, unbiased where training updated it, kept in float64 over the run.
  public var runningVar: [Double]
  /// Number of training steps; nil when the checkpoint does not count them.
  public var numBatchesTracked: Int64?
  /// Added to the variance before the square root.
  public var eps: Double
  /// Weight of the newest batch in the running statistics.
  public var momentum: Double

  /// Counts of steps that a checkpoint may start from: up to 2^53 every element type that counts holds them exactly, and
  /// steps can be added without end.
  static let countersRange: ClosedRange<Int64> = 0...1 << 53

  /// - Parameters: values of the state dict; all arrays have one element per channel.
  public init(
    gamma: [Float], beta: [Float], runningMean: [Double], runningVar: [Double],
    numBatchesTracked: Int64?, eps: Double, momentum: Double
  ) {
    self.gamma = gamma
    self.beta = beta
    self.runningMean = runningMean
    self.runningVar = runningVar
    self.numBatchesTracked = numBatchesTracked
    self.eps = eps
    self.momentum = momentum
  }
}

/// Scale and shift of the last LayerNorm.
public struct LayerNormParameters: Sendable, Equatable {
  /// Scale, one per channel.
  public var weight: [Float]
  /// Shift, one per channel; nil for a LayerNorm without.
  public var bias: [Float]?

  /// - Parameters:
  ///   - weight: one per channel.
  ///   - bias: one per channel; nil for a LayerNorm without.
  public init(weight: [Float], bias: [Float]?) {
    self.weight = weight
    self.bias = bias
  }
}

/// Initialization of a new classifier.
public enum HeadInitialisation: String, Sendable, CaseIterable {
  /// Weight and bias 0.
  case zero
  /// Uniform between ±1/√channels, weight and bias, like `torch.nn.Linear` (He et al. 2015 with a = √5).
  case kaiming
}

extension TailParameters {
  /// This norm with a newly initialized classifier of `classes` outputs.
  public func withNewHead(classes: Int, _ initialisation: HeadInitialisation, seed: UInt64) -> TailParameters
  {
    var generator = SeededGenerator(seed: seed, for: "new classifier")
    let bound = 1 / Double(channels).squareRoot()
    func values(_ count: Int) -> [Float] {
      switch initialisation {
      case .zero: Array(repeating: 0, count: count)
      case .kaiming: (0..<count).map { _ in Float(generator.uniform(in: -bound..<bound)) }
      }
    }
    let weight = values(classes * channels)
    return TailParameters(
      weight: weight, bias: bias.map { _ in values(classes) }, batchNorm: batchNorm, layerNorm: layerNorm,
      classes: classes, channels: channels, layers: layers)
  }
}
