import Platform

/// Softmax focal loss −(1 − p)^γ·ln p of the label's probability p (Lin et al. 2017, eq. 4 and 5).
///
/// The mean over rows; class weights (the paper's α) weigh rows as in `CrossEntropy`, which γ = 0 gives.
public struct FocalLoss: ClassificationLoss {
  let gamma: Double
  let classWeights: [Double]?

  /// - Parameters:
  ///   - gamma: γ, not negative; 2 in the paper.
  ///   - classWeights: one per class, not negative.
  public init(gamma: Double = 2, classWeights: [Double]? = nil) {
    self.gamma = gamma
    self.classWeights = classWeights
  }

  /// False with class weights, whose sum over the batch divides the loss.
  public var isMean: Bool { classWeights == nil }

  /// The batch's loss and gradient.
  public func evaluate(_ batch: LossBatch, gradient: inout [Double]) -> Double {
    let k = batch.classes
    let norm = batch.labels.reduce(0) { $0 + (classWeights?[$1] ?? 1) }
    var total = 0.0
    for row in 0..<batch.rows {
      let label = batch.labels[row]
      let base = row * k
      let logP = logSoftmax(batch.logits[base..<base + k])
      let weight = (classWeights?[label] ?? 1) / norm
      let p = exp(logP[label])
      // 1 − p from the logarithm, exact also where p rounds to one.
      let rest = -expm1(logP[label])
      total -= weight * pow(rest, gamma) * logP[label]
      let modulation = gamma == 0 || rest == 0 ? 0 : gamma * p * pow(rest, gamma - 1) * logP[label]
      let slope = weight * (modulation - pow(rest, gamma))
      for j in 0..<k { gradient[base + j] = -slope * exp(logP[j]) }
      gradient[base + label] += slope
    }
    return total
  }
}
