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
  /// True if early stopping is on and no earlier parameters, those of the start included, had a lower validation loss.
  public var isBest = false
  /// Distance from the minimum of the training loss; nil for stochastic optimizers, which do not know it.
  public var optimality: Optimality?
}

/// How far parameters are from the minimum of a convex objective, as its gradient shows it.
public struct Optimality: Sendable, Equatable {
  /// Euclidean norm of the gradient of loss and weight decay.
  public let gradientNorm: Double
  /// Euclidean norm of the weights.
  public let weightNorm: Double
  /// Weight decay of the objective.
  public let weightDecay: Double

  /// Largest possible distance of the weights from those at the minimum, as a share of their norm; nil without weight
  /// decay, where there need be no minimum.
  ///
  /// An objective that is convex but for its decay λ is λ-strongly convex in the weights, so that ‖w − w*‖ ≤ ‖g‖/λ.
  public var distance: Double? {
    weightDecay > 0 && weightNorm > 0 ? gradientNorm / (weightDecay * weightNorm) : nil
  }

  /// True if the weights are within 1 % of the minimum's, or without weight decay if the gradient has vanished.
  public var isReached: Bool { distance.map { $0 <= 0.01 } ?? (gradientNorm <= 1e-5) }
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
