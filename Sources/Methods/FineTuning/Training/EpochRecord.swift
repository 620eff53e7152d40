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
      guard let validationMetrics = record.validation else { continue }
      if watch.observe(validationMetrics.loss) || best == nil { best = record.epoch }
    }
    return best
  }
}

/// Loss and accuracy over a set of samples.
public struct Metrics: Sendable, Equatable {
  /// Samples seen.
  public private(set) var count = 0
  private var lossSum = 0.0
  private var top1Count = 0
  private var top5Count = 0

  init() {}

  /// Mean loss per sample.
  public var loss: Double { lossSum / Double(count) }
  /// Share of samples whose label has the largest logit.
  public var top1: Double { Double(top1Count) / Double(count) }
  /// Share of samples whose label is among the five largest logits.
  public var top5: Double { Double(top5Count) / Double(count) }

  /// Adds a batch with mean loss `loss`.
  ///
  /// Among equal logits the lower class index ranks first.
  /// - Returns: for each row, true if its label ranks first.
  @discardableResult
  mutating func add(_ batch: LossBatch, loss: Double) -> [Bool] {
    count += batch.rows
    lossSum += loss * Double(batch.rows)
    return (0..<batch.rows).map { row in
      let label = batch.labels[row]
      let logits = batch.logits[row * batch.classes..<(row + 1) * batch.classes]
      let own = logits[logits.startIndex + label]
      var rank = 0
      for (j, logit) in logits.enumerated() where logit > own || (logit == own && j < label) { rank += 1 }
      top1Count += rank == 0 ? 1 : 0
      top5Count += rank < 5 ? 1 : 0
      return rank == 0
    }
  }
}
