import Platform

/// A hard loss mixed with the divergence from a teacher's softened predictions (Hinton, Vinyals and Dean
/// 2015, §2).
///
/// (1 − A)·hard + A·T²·KL(softmax(teacher/T) ‖ softmax(student/T)), the divergence averaged over rows
/// (`torch.nn.KLDivLoss`, `reduction="batchmean"`). T² keeps the gradient's size independent of T.
public struct Distillation: ClassificationLoss {
  let hard: any ClassificationLoss
  let temperature: Double
  let weight: Double

  /// - Parameters:
  ///   - hard: the loss on the labels.
  ///   - temperature: T, above zero.
  ///   - weight: A, from 0 to 1.
  public init(hard: any ClassificationLoss, temperature: Double = 5, weight: Double = 0.5) {
    self.hard = hard
    self.temperature = temperature
    self.weight = weight
  }

  /// True if the loss on the labels is a mean, as the divergence is.
  public var isMean: Bool { hard.isMean }

  /// The batch's loss and gradient; the batch must have teacher logits.
  public func evaluate(_ batch: LossBatch, gradient: inout [Double]) -> Double {
    guard let teacher = batch.teacherLogits else { preconditionFailure("distillation without a teacher") }
    let k = batch.classes
    var total = (1 - weight) * hard.evaluate(batch, gradient: &gradient)
    for index in gradient.indices { gradient[index] *= 1 - weight }
    let scale = weight / Double(batch.rows)
    for row in 0..<batch.rows {
      let range = row * k..<(row + 1) * k
      let logQ = logSoftmax(teacher[range], temperature: temperature)
      let logP = logSoftmax(batch.logits[range], temperature: temperature)
      for j in 0..<k {
        let q = exp(logQ[j])
        if q > 0 { total += scale * temperature * temperature * q * (logQ[j] - logP[j]) }
        gradient[range.lowerBound + j] += scale * temperature * (exp(logP[j]) - q)
      }
    }
    return total
  }
}
