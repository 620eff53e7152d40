import Platform

/// One minus the overlap of predicted probabilities and labels, per class over the batch, averaged over the
/// classes that occur in it or over all.
///
/// With p the softmax probability of a class and y its indicator, I = Σpy, P = Σp and Y = Σy over the rows:
/// Dice is (2I + s)/(P + Y + s) (Milletari et al. 2016, with linear denominators), Jaccard (I + s)/(P + Y − I
/// + s). With at most a few images of a class in a batch, a smoothing of 1 outweighs them: a class that occurs once
/// and is found with certainty or not at all has a Dice loss of 0 or ½.
public struct OverlapLoss: ClassificationLoss {
  /// Measure of overlap.
  public enum Measure: String, Sendable, CaseIterable {
    /// (2I + s)/(P + Y + s).
    case dice
    /// (I + s)/(P + Y − I + s).
    case jaccard
  }

  /// Classes that the loss is averaged over.
  public enum Classes: String, Sendable, CaseIterable {
    /// Classes with an image in the batch.
    case present
    /// All: an absent class costs P/(P + s).
    case all
  }

  let kind: Measure
  let classes: Classes
  /// The smoothing term s, which keeps the quotient defined.
  let smoothing: Double

  /// - Parameters:
  ///   - kind: measure of overlap.
  ///   - smoothing: not negative.
  ///   - classes: classes that the loss is averaged over.
  public init(_ kind: Measure, smoothing: Double = 1, classes: Classes = .present) {
    self.kind = kind
    self.classes = classes
    self.smoothing = smoothing
  }

  /// False: classes are compared over the whole batch.
  public var isMean: Bool { false }

  /// The batch's loss and gradient.
  public func evaluate(_ batch: LossBatch, gradient: inout [Double]) -> Double {
    let k = batch.classes
    var probabilities: [Double] = []
    var intersection = [Double](repeating: 0, count: k)
    var predicted = intersection
    var actual = intersection
    for (row, label) in batch.labels.enumerated() {
      let p = logSoftmax(batch.logits[row * k..<(row + 1) * k]).map(exp)
      probabilities += p
      for j in 0..<k { predicted[j] += p[j] }
      intersection[label] += p[label]
      actual[label] += 1
    }
    let averaged = (0..<k).filter { classes == .all || actual[$0] > 0 }
    let count = Double(averaged.count)
    var total = 0.0
    // Derivatives of a class's loss by P and by I.
    var byPredicted = [Double](repeating: 0, count: k)
    var byIntersection = byPredicted
    for j in averaged {
      let (top, bottom, topByI, bottomByI) =
        switch kind {
        case .dice: (2 * intersection[j] + smoothing, predicted[j] + actual[j] + smoothing, 2.0, 0.0)
        case .jaccard:
          (
            intersection[j] + smoothing, predicted[j] + actual[j] - intersection[j] + smoothing, 1.0, -1.0
          )
        }
      // Without smoothing, an absent class that no image is given any probability of costs nothing.
      guard bottom > 0 else { continue }
      total += (1 - top / bottom) / count
      byPredicted[j] = top / (bottom * bottom) / count
      byIntersection[j] = -(topByI * bottom - top * bottomByI) / (bottom * bottom) / count
    }
    for (row, label) in batch.labels.enumerated() {
      let p = probabilities[row * k..<(row + 1) * k]
      var byP = byPredicted
      byP[label] += byIntersection[label]
      let mean = zip(p, byP).reduce(0) { $0 + $1.0 * $1.1 }
      for (j, value) in p.enumerated() { gradient[row * k + j] = value * (byP[j] - mean) }
    }
    return total
  }
}

/// The sum of two losses, such as binary cross-entropy and Dice.
public struct LossSum: ClassificationLoss {
  let first: any ClassificationLoss
  let second: any ClassificationLoss

  /// Both with weight one.
  public init(_ first: any ClassificationLoss, _ second: any ClassificationLoss) {
    self.first = first
    self.second = second
  }

  /// True if both losses are means.
  public var isMean: Bool { first.isMean && second.isMean }

  /// The batch's loss and gradient.
  public func evaluate(_ batch: LossBatch, gradient: inout [Double]) -> Double {
    var other = gradient
    let sum = first.evaluate(batch, gradient: &gradient) + second.evaluate(batch, gradient: &other)
    for index in gradient.indices { gradient[index] += other[index] }
    return sum
  }
}
