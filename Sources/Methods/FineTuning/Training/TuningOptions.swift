import ImageData
import NetworkGraphs

/// Options of a tuning run.
public struct TuningOptions: Sendable {
  /// Layers to train.
  public enum Layers: Sendable, Equatable {
    /// The classifier alone.
    case classifier
    /// The classifier, and scale and shift of the last BatchNorm.
    case classifierAndBatchNorm
    /// The classifier, and scale and shift of the last LayerNorm.
    case classifierAndLayerNorm
    /// Everything behind a cut through the network, or the BatchNorms there and the classifier.
    case behind(NetworkCut.Point)
  }

  /// Statistics that the last BatchNorm normalizes with.
  public enum BatchNormMode: String, Sendable, CaseIterable {
    /// Statistics of the batch; the running statistics follow.
    case batch
    /// Statistics of all training images, computed once before the first step.
    case recalibrate
    /// The checkpoint's statistics.
    case frozen
  }

  /// Optimizer of the steps.
  public enum OptimizerKind: String, Sendable, CaseIterable {
    /// Stochastic gradient descent with momentum.
    case sgd
    /// Adam; weight decay is added to the gradient.
    case adam
    /// Adam with weight decay decoupled from the gradient.
    case adamw
    /// Adam steps, scaled by the ratio of the norms of weight and step as `TuningOptions.trustRatio` says.
    case lamb
    /// Full-batch quasi-Newton iterations, one per epoch, for the classifier alone on fixed features.
    case lbfgs
  }

  /// Parameters whose LAMB steps are scaled by the ratio of the norms of weight and step.
  public enum TrustRatio: String, Sendable, CaseIterable {
    /// All parameters, as in the paper (You et al. 2020, algorithm 2).
    case always
    /// Parameters with weight decay, as in timm: none if the weight decay is 0.
    case decayed
  }

  /// Layers to train.
  public var layers = Layers.classifierAndBatchNorm
  /// Statistics of the last BatchNorm.
  public var batchNorm = BatchNormMode.batch
  /// Number of passes over the samples.
  public var epochs = 30
  /// Images per step; the last step of an epoch takes the rest.
  public var batchSize = 64
  /// Images of a step that are in memory at a time behind a cut; nil for all. BatchNorm takes its statistics from them.
  public var microBatch: Int?
  /// Optimizer of the steps.
  public var optimizer = OptimizerKind.sgd
  /// Base learning rate, before schedule and warm-up.
  public var learningRate = 1e-3
  /// Momentum of SGD.
  public var momentum = 0.9
  /// True for Nesterov momentum in SGD.
  public var nesterov = false
  /// Weight decay of the classifier's weight, not of its bias or the norm.
  public var weightDecay = 1e-4
  /// True if weight decay applies to the classifier's bias too.
  public var decaysBias = false
  /// Factor on the learning rate behind a cut for every block that ends at a layer or after it, from 0 to 1.
  public var layerDecay = 1.0
  /// Probability with which training leaves out the residual branch of the last block; linearly less for those before.
  public var dropPath = 0.0
  /// True if each epoch has its own order; false if all use the first one's.
  public var reshuffles = true
  /// Factor on the learning rate over the run.
  public var schedule = LearningRateSchedule.cosine
  /// Parameters whose steps LAMB scales.
  public var trustRatio = TrustRatio.decayed
  /// Rise of the learning rate at the beginning; the schedule starts after it.
  public var warmUp = WarmUp()
  /// Largest norm of the gradient of all trained parameters together; nil for no limit.
  public var clipNorm: Double?
  /// Average of the weights that becomes the result.
  public var averaging = WeightAveraging.none
  /// Epochs without a lower validation loss after which the run ends with the best epoch's parameters, or those of the
  /// start if no epoch was better; nil to run all epochs and return the last.
  public var patience: Int?
  /// Loss to minimize.
  public var loss: any ClassificationLoss = CrossEntropy()
  /// Mixing of the images of a batch: only mixup where features are cached.
  public var mixing = MixingPolicy()
  /// Seed of all random draws.
  public var seed: UInt64 = 0
  /// The order of the samples in each epoch, instead of one drawn from `seed`.
  public var order: [[Int]]?

  /// The defaults: classifier and BatchNorm, 30 epochs of 64, SGD at 1e-3 with cosine decay.
  public init() {}

  /// True if a validation loss would influence the result.
  public var watchesValidation: Bool {
    if case .plateau = schedule { true } else { patience != nil }
  }

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
    try check("warm-up steps", warmUp.steps, "a number not below zero", warmUp.steps >= 0)
    try check(
      "warm-up factor", warmUp.startFactor, "a number above 0, at most 1",
      warmUp.startFactor > 0 && warmUp.startFactor <= 1)
    try check("layer decay", layerDecay, "a number above 0, at most 1", layerDecay > 0 && layerDecay <= 1)
    try check("drop path", dropPath, "a number from 0 to below 1", (0..<1).contains(dropPath))
    if let microBatch {
      try check("micro-batch", microBatch, "a number above zero", microBatch > 0)
      try check(
        "micro-batch", microBatch, "at least \(batchSize) with a loss over the whole batch",
        loss.isMean || microBatch >= batchSize)
    }
    if layers.cutPoint == nil {
      let expected = "the default unless layers before the last norm are trained"
      try check("layer decay", layerDecay, expected, layerDecay == 1)
      try check("drop path", dropPath, expected, dropPath == 0)
      try check("micro-batch", microBatch ?? 0, expected, microBatch == nil)
    }
    if let clipNorm { try check("clip norm", clipNorm, "a number above zero", clipNorm > 0) }
    if let patience { try check("early stop", patience, "a number above zero", patience > 0) }
    try check(
      "optimizer", optimizer.rawValue,
      "sgd, adam, adamw or lamb when a norm is trained or in batch mode (lbfgs trains the classifier alone)",
      optimizer != .lbfgs || (layers == .classifier && batchNorm != .batch))
    try check(
      "BatchNorm statistics", batchNorm.rawValue, "frozen when a LayerNorm is trained",
      layers != .classifierAndLayerNorm || batchNorm == .frozen)
    if let order {
      try check("epochs of the given order", order.count, "\(epochs)", order.count == epochs)
    }
    try check(
      "optimizer", optimizer.rawValue, "sgd, adam, adamw or lamb with mixup or CutMix",
      optimizer != .lbfgs || mixing.isEmpty)
    try schedule.validate()
    try averaging.validate()
  }

  /// Refuses options that need the features of all images at once.
  func validateForStream() throws {
    guard optimizer != .lbfgs else {
      throw TuningError.invalidOption(
        what: "optimizer", value: optimizer.rawValue,
        expected: "sgd, adam, adamw or lamb when images are read again every epoch")
    }
    guard layers.cutPoint == nil || batchNorm == .frozen || averaging == .none else {
      throw TuningError.invalidOption(
        what: "average of the weights", value: "\(averaging)",
        expected:
          "none, or frozen BatchNorm statistics, when images are read again every epoch: its statistics need all features"
      )
    }
    guard batchNorm != .recalibrate else {
      throw TuningError.invalidOption(
        what: "BatchNorm statistics", value: batchNorm.rawValue,
        expected: "batch or frozen when images are read again every epoch")
    }
  }
}

extension TuningOptions {
  /// The settings of the authors' published FixRes code for a ResNet, where they differ from the paper
  /// (Touvron et al. 2019).
  ///
  /// Only the classifier is trained, with decay of its bias; the last BatchNorm normalizes with batch
  /// statistics and its running statistics follow, but γ and β stay. SGD over 56 epochs of 512 images, always
  /// in the same order; the rate 8·10⁻³ is the published 10⁻³ times the code's factor of 8, and falls tenfold
  /// every 30 epochs. The code scales it with the batch size.
  public static var faithful: TuningOptions {
    var options = TuningOptions()
    options.layers = .classifier
    options.epochs = 56
    options.batchSize = 512
    options.learningRate = 8e-3
    options.schedule = .step(size: 30, gamma: 0.1)
    options.decaysBias = true
    options.reshuffles = false
    return options
  }
}

extension TuningOptions {
  /// True if the result's statistics behind a cut have to be computed from its weights.
  var recalibratesResult: Bool {
    guard layers.cutPoint != nil else { return false }
    return batchNorm == .recalibrate || (batchNorm == .batch && averaging != .none)
  }
}
