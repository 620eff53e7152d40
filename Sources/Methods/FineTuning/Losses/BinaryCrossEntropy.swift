import Platform

/// One-against-all cross-entropy of the classes' sigmoids, the mean over rows and classes
/// (`torch.nn.BCEWithLogitsLoss` on one-hot targets).
///
/// With smoothing ε a target is 1 − ε + ε/K on the row's class and ε/K elsewhere. Class weights multiply the
/// terms of their class; the mean is over all terms, as with PyTorch's `weight`.
public struct BinaryCrossEntropy: ClassificationLoss {
  let labelSmoothing: Double
  let classWeights: [Double]?

  /// - Parameters:
  ///   - labelSmoothing: ε, from 0 to 1.
  ///   - classWeights: one per class, not negative.
  public init(labelSmoothing: Double = 0, classWeights: [Double]? = nil) {
    self.labelSmoothing = labelSmoothing
    self.classWeights = classWeights
  }

  /// The batch's loss and gradient.
  public func evaluate(_ batch: LossBatch, gradient: inout [Double]) -> Double {
    let k = batch.classes
    let scale = 1 / Double(batch.rows * k)
    let smoothed = LabelSmoothing(labelSmoothing, classes: k)
    var total = 0.0
    for row in 0..<batch.rows {
      for j in 0..<k {
        let z = batch.logits[row * k + j]
        let target = smoothed.everywhere + (j == batch.labels[row] ? smoothed.onLabel : 0)
        let weight = scale * (classWeights?[j] ?? 1)
        // log(1 + e^z) − target·z without overflow on either side.
        total += weight * (max(z, 0) + log1p(exp(-abs(z))) - target * z)
        let sigmoid = z >= 0 ? 1 / (1 + exp(-z)) : exp(z) / (1 + exp(z))
        gradient[row * k + j] = weight * (sigmoid - target)
      }
    }
    return total
  }
}
