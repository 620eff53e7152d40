import Platform

/// Softmax cross-entropy with label smoothing and class weights.
///
/// A row's target is (1 − ε) on its class plus ε/K on every class. With class weights w the terms of class c
/// are multiplied by w[c] and the sum divided by the rows' Σ w[label], as `torch.nn.CrossEntropyLoss` does.
public struct CrossEntropy: ClassificationLoss {
  let labelSmoothing: Double
  let classWeights: [Double]?

  /// - Parameters:
  ///   - labelSmoothing: ε, from 0 to 1.
  ///   - classWeights: one per class, not negative.
  public init(labelSmoothing: Double = 0, classWeights: [Double]? = nil) {
    self.labelSmoothing = labelSmoothing
    self.classWeights = classWeights
  }

  /// False with class weights, whose sum over the batch divides the loss.
  public var isMean: Bool { classWeights == nil }

  /// The batch's loss and gradient.
  public func evaluate(_ batch: LossBatch, gradient: inout [Double]) -> Double {
    let k = batch.classes
    let weights = classWeights ?? [Double](repeating: 1, count: k)
    let weightSum = weights.reduce(0, +)
    let norm = batch.labels.reduce(0) { $0 + weights[$1] }
    let target = LabelSmoothing(labelSmoothing, classes: k)
    let smooth = target.everywhere
    var total = 0.0
    for row in 0..<batch.rows {
      let label = batch.labels[row]
      let base = row * k
      let logP = logSoftmax(batch.logits[base..<base + k])
      let onLabel = target.onLabel * weights[label]
      let mass = onLabel + smooth * weightSum
      total -= onLabel * logP[label]
      for j in 0..<k {
        if smooth > 0 { total -= smooth * weights[j] * logP[j] }
        gradient[base + j] = (mass * exp(logP[j]) - smooth * weights[j]) / norm
      }
      gradient[base + label] -= onLabel / norm
    }
    return total / norm
  }
}
