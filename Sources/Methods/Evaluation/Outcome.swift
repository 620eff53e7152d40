import Platform
import Statistics

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
  /// The true class.
  public let label: Int
  /// Brier score: the sum over the classes of the squared distance of probability and truth, from 0 to 2; float64
  /// (Brier 1950, "Verification of forecasts expressed in terms of probability").
  public let brierScore: Double

  /// An outcome from its parts.
  public init(
    predicted: Int, rank: Int, loss: Double, confidence: Double, label: Int, brierScore: Double
  ) {
    self.label = label
    self.brierScore = brierScore
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
    var (sum, squares) = (0.0, 0.0)
    for value in values {
      let share = exp(value - largest)
      sum += share
      squares += share * share
    }
    let logSum = largest + log(sum)
    let brier = squares / (sum * sum) - 2 * exp(own - logSum) + 1
    self.init(
      predicted: predicted, rank: rank, loss: logSum - own, confidence: exp(largest - logSum), label: label,
      brierScore: max(0, brier))
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

/// The outcomes of one setting on the images it has seen so far, in the order of the sweep.
public struct SettingOutcomes: Sendable, Equatable {
  /// Predicted class of each image.
  public private(set) var predicted: [Int32] = []
  /// Number of classes ranked above the true one.
  public private(set) var ranks: [Int32] = []
  /// Cross-entropy in nats.
  public private(set) var losses: [Double] = []
  /// Probability of the predicted class.
  public private(set) var confidences: [Float] = []
  /// True class of each image.
  public private(set) var labels: [Int32] = []
  /// Brier score of each image.
  public private(set) var brierScores: [Double] = []

  /// No images seen yet.
  public init() {}

  /// Number of images seen.
  public var count: Int { ranks.count }

  /// Adds the next image.
  public mutating func append(_ outcome: Outcome) {
    predicted.append(Int32(outcome.predicted))
    ranks.append(Int32(outcome.rank))
    losses.append(outcome.loss)
    confidences.append(Float(outcome.confidence))
    labels.append(Int32(outcome.label))
    brierScores.append(outcome.brierScore)
  }

  /// The outcome on an image, the confidence to float32's precision.
  package subscript(image: Int) -> Outcome {
    Outcome(
      predicted: Int(predicted[image]), rank: Int(ranks[image]), loss: losses[image],
      confidence: Double(confidences[image]), label: Int(labels[image]), brierScore: brierScores[image])
  }

  /// Correctness of each image: true if its class was among the `k` best.
  public func correct(top k: Int = 1) -> [Bool] { ranks.map { $0 < k } }

  /// Share of images with the true class among the `k` best; with at most `k` classes that is all of them.
  public func accuracy(top k: Int = 1) -> Proportion {
    Proportion(successes: ranks.count { $0 < k }, count: count)
  }

  /// Mean cross-entropy in nats, summed in float64 in the order of the images; 0 without images.
  public var meanLoss: Double { losses.reduce(0, +) / Double(max(count, 1)) }

  /// Mean Brier score, summed in float64 in the order of the images; 0 without images.
  public var meanBrierScore: Double { brierScores.reduce(0, +) / Double(max(count, 1)) }
}

/// Measurements of a sweep so far, independent of networks and data set.
public struct Measurements: Sendable, Equatable {
  /// Settings that are measured.
  public let settings: [Setting]
  /// Indices of the images into the data set, in the order in which they are visited.
  public let images: [Int]
  /// Multiply-adds per image of every setting, summed over its forward passes.
  public let multiplyAdds: [Int]
  /// Outcomes per setting; settings that left a race have seen fewer images.
  public package(set) var outcomes: [SettingOutcomes]
  /// Seconds spent in forward passes of each setting; a shared pass counts for each of its settings.
  public package(set) var seconds: [Double]

  package init(settings: [Setting], images: [Int], multiplyAdds: [Int]) {
    self.settings = settings
    self.images = images
    self.multiplyAdds = multiplyAdds
    outcomes = Array(repeating: SettingOutcomes(), count: settings.count)
    seconds = Array(repeating: 0, count: settings.count)
  }

  /// Settings measured on every image.
  public var complete: [Int] { settings.indices.filter { outcomes[$0].count == images.count } }
}
