/// Start and result of a tuning run: the parameters of the classifier and, where it is trained, the last
/// BatchNorm.
public struct TailParameters: Sendable, Equatable {
  /// Classifier weight, [classes, channels] in row-major order.
  public var weight: [Float]
  /// Classifier bias, one per class; nil for a classifier without.
  public var bias: [Float]?
  /// The BatchNorm that the cached features are the input of; nil when they are pooled already.
  public var batchNorm: BatchNormParameters?
  /// Outputs of the classifier.
  public let classes: Int
  /// Inputs of the classifier.
  public let channels: Int

  /// - Parameters:
  ///   - weight: [classes, channels] in row-major order.
  ///   - bias: one per class; nil for a classifier without.
  ///   - batchNorm: the last BatchNorm; nil when features are pooled already.
  ///   - classes: outputs of the classifier.
  ///   - channels: inputs of the classifier.
  public init(
    weight: [Float], bias: [Float]?, batchNorm: BatchNormParameters?, classes: Int, channels: Int
  ) {
    self.weight = weight
    self.bias = bias
    self.batchNorm = batchNorm
    self.classes = classes
    self.channels = channels
  }

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
  }
}
