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
