/// What a tuning run trains and how.
public struct TuningOptions: Sendable {
  /// Which layers are trained.
  public enum Layers: String, Sendable, CaseIterable {
    case classifier = "fc"
    case classifierAndBatchNorm = "fc+bn"
  }

  /// Which statistics the last BatchNorm normalises with.
  public enum BatchNormMode: String, Sendable, CaseIterable {
    /// Those of the batch; the running statistics follow.
    case batch
    /// Those of all training images, computed once before the first step.
    case recalibrate
    /// The checkpoint's.
    case frozen
  }

  public var layers = Layers.classifierAndBatchNorm
  public var batchNorm = BatchNormMode.batch
  public var epochs = 30
  /// Images per step; the last step of an epoch takes what is left.
  public var batchSize = 64
  public var learningRate = 1e-3
  public var momentum = 0.9
  public var nesterov = false
  /// Applies to the classifier's weight, not to its bias or BatchNorm.
  public var weightDecay = 1e-4
  public var schedule = LearningRateSchedule.cosine
  public var loss: any ClassificationLoss = CrossEntropy()
  public var seed: UInt64 = 0
  /// The order of the samples in each epoch, instead of one drawn from `seed`.
  public var order: [[Int]]?

  /// The defaults: classifier and BatchNorm, 30 epochs of 64, SGD at 1e-3 with cosine decay.
  public init() {}

  func validate() throws {
    func check(_ what: String, _ value: some Any, _ expected: String, _ isValid: Bool) throws {
      if !isValid { throw TuningError.invalidOption(what: what, value: "\(value)", expected: expected) }
    }
    try check("epochs", epochs, "a number above zero", epochs > 0)
    try check("batch size", batchSize, "a number above zero", batchSize > 0)
    try check("learning rate", learningRate, "a number above zero", learningRate > 0 && learningRate.isFinite)
    try check("momentum", momentum, "a number from 0 to below 1", (0..<1).contains(momentum))
    try check(
      "weight decay", weightDecay, "a number not below zero", weightDecay >= 0 && weightDecay.isFinite)
    if let order {
      try check("epochs of the given order", order.count, "\(epochs)", order.count == epochs)
    }
  }
}
