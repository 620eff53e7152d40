import Platform

/// Result of one setting on one image.
public struct Outcome: Sendable, Equatable {
  /// The class with the largest logit; the first of equal ones.
  public let predicted: Int
  /// Number of classes ranked above the true one: 0 is correct, below 5 is among the top five. Of equal
  /// logits the earlier class ranks higher.
  public let rank: Int
  /// Cross-entropy in nats, −ln of the probability of the true class; float64.
  public let loss: Double
  /// Probability of the predicted class.
  public let confidence: Double

  /// An outcome from its parts.
  public init(predicted: Int, rank: Int, loss: Double, confidence: Double) {
    self.predicted = predicted
    self.rank = rank
    self.loss = loss
    self.confidence = confidence
  }

  /// Scores logits, or logarithms of probabilities, against the true class.
  ///
  /// The logarithm of the sum of exponentials is taken in float64 relative to the largest logit, so that
  /// nothing overflows.
  ///
  /// - Parameters:
  ///   - logits: one value per class, finite but for −∞.
  ///   - label: the true class, an index into `logits`.
  public init(logits: some RandomAccessCollection<Double>, label: Int) {
    let values = Array(logits)
    let own = values[label]
    var predicted = 0
    var rank = 0
    for (index, value) in values.enumerated() {
      if value > values[predicted] { predicted = index }
      if value > own || (value == own && index < label) { rank += 1 }
    }
    let largest = values[predicted]
    let logSum = largest + log(values.reduce(0) { $0 + exp($1 - largest) })
    self.init(predicted: predicted, rank: rank, loss: logSum - own, confidence: exp(largest - logSum))
  }
}

/// The mean of the logits of several views; float64.
///
/// - Parameter views: logits of each view, all of the same number of classes.
func mean(_ views: [ArraySlice<Double>]) -> [Double] {
  guard views.count > 1 else { return Array(views[0]) }
  var sum = Array(views[0])
  for view in views.dropFirst() {
    for (index, value) in view.enumerated() { sum[index] += value }
  }
  return sum.map { $0 / Double(views.count) }
}

/// The logarithm of the mean of several predictions' probabilities.
///
/// - Parameter predictions: logits of each prediction, all of the same number of classes.
func logMeanProbability(_ predictions: [[Double]]) -> [Double] {
  let logProbabilities = predictions.map { logits in
    let largest = logits.max()!
    let logSum = largest + log(logits.reduce(0) { $0 + exp($1 - largest) })
    return logits.map { $0 - logSum }
  }
  return logProbabilities[0].indices.map { index in
    let column = logProbabilities.map { $0[index] }
    let largest = column.max()!
    guard largest > -.infinity else { return -.infinity }
    return largest + log(column.reduce(0) { $0 + exp($1 - largest) } / Double(column.count))
  }
}
