import Statistics

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
  }

  /// The outcome on an image, the confidence to float32's precision.
  package subscript(image: Int) -> Outcome {
    Outcome(
      predicted: Int(predicted[image]), rank: Int(ranks[image]), loss: losses[image],
      confidence: Double(confidences[image]))
  }

  /// Correctness of each image: true if its class was among the `k` best.
  public func correct(top k: Int = 1) -> [Bool] { ranks.map { $0 < k } }

  /// Share of images with the true class among the `k` best; with at most `k` classes that is all of them.
  public func accuracy(top k: Int = 1) -> Proportion {
    Proportion(successes: ranks.count { $0 < k }, count: count)
  }

  /// Mean cross-entropy in nats, summed in float64 in the order of the images; 0 without images.
  public var meanLoss: Double { losses.reduce(0, +) / Double(max(count, 1)) }

  /// Expected calibration error: the mean distance of confidence and accuracy over 15 bins of equal width,
  /// weighted by the images in them (Guo et al. 2017, "On calibration of modern neural networks", eq. 3).
  public var calibrationError: Double {
    let bins = 15
    var confidence = [Double](repeating: 0, count: bins)
    var right = [Double](repeating: 0, count: bins)
    for (value, rank) in zip(confidences, ranks) {
      // Bin m holds (m/15, (m+1)/15], so that a certain prediction falls into the last.
      let bin = min(bins - 1, max(0, Int((Double(value) * Double(bins)).rounded(.up)) - 1))
      confidence[bin] += Double(value)
      right[bin] += rank == 0 ? 1 : 0
    }
    return zip(confidence, right).reduce(0) { $0 + abs($1.0 - $1.1) } / Double(max(count, 1))
  }
}
