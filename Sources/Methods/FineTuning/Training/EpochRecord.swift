/// Measurements of one epoch of tuning.
public struct EpochRecord: Sendable, Equatable {
  /// Number of the epoch, from 1.
  public let epoch: Int
  /// Learning rate of the epoch's last step.
  public let learningRate: Double
  /// Mean over the epoch's samples, each measured in the step that trained on it.
  public let train: Metrics
  /// Measured after the epoch; nil without validation samples.
  public let validation: Metrics?
}

/// Measurements of one step of tuning.
public struct StepRecord: Sendable, Equatable {
  /// Number of the epoch, from 1.
  public let epoch: Int
  /// Number of the step in the epoch, from 1.
  public let step: Int
  /// Learning rate of the step.
  public let learningRate: Double
  /// The batch's loss before the step.
  public let loss: Double
}

extension [EpochRecord] {
  /// The epoch that early stopping keeps; nil without validation.
  public var bestEpoch: Int? {
    var watch = PlateauWatch(patience: .max)
    var best: Int?
    for record in self {
      guard let held = record.validation else { continue }
      if watch.observe(held.loss) || best == nil { best = record.epoch }
    }
    return best
  }
}
