/// Images of each class and of each prediction, from which the means over classes follow.
public struct ClassTally: Sendable, Equatable {
  /// Number of images of each class.
  public private(set) var images: [Int]
  /// Number of predictions of each class.
  public private(set) var predictions: [Int]
  /// Number of images of each class that were predicted right.
  public private(set) var correct: [Int]

  /// Counts the outcomes of one setting.
  ///
  /// - Parameters:
  ///   - outcomes: the outcomes.
  ///   - classCount: number of classes; nil is one more than the largest that occurs.
  public init(_ outcomes: SettingOutcomes, classCount: Int? = nil) {
    let largest = max(outcomes.labels.max() ?? -1, outcomes.predicted.max() ?? -1)
    let count = classCount ?? Int(largest) + 1
    images = Array(repeating: 0, count: count)
    (predictions, correct) = (images, images)
    for (label, predicted) in zip(outcomes.labels, outcomes.predicted) {
      images[Int(label)] += 1
      predictions[Int(predicted)] += 1
      if label == predicted { correct[Int(label)] += 1 }
    }
  }

  /// Share of a class's images that were predicted right (recall); nil without images.
  public func accuracy(_ index: Int) -> Double? {
    images[index] > 0 ? Double(correct[index]) / Double(images[index]) : nil
  }

  /// Share of a class's predictions that were right; nil without predictions.
  public func precision(_ index: Int) -> Double? {
    predictions[index] > 0 ? Double(correct[index]) / Double(predictions[index]) : nil
  }

  /// Harmonic mean of accuracy and precision of a class, 2·correct/(images + predictions); nil where the class occurs in
  /// neither.
  public func f1(_ index: Int) -> Double? {
    let total = images[index] + predictions[index]
    return total > 0 ? 2 * Double(correct[index]) / Double(total) : nil
  }

  /// Mean accuracy of the classes with images; 0 without any (scikit-learn's `balanced_accuracy_score`).
  public var balancedAccuracy: Double { mean(images.indices.compactMap(accuracy)) }

  /// Mean F1 of the classes that occur among labels or predictions; 0 without any (scikit-learn's `f1_score` with
  /// `average="macro"`).
  public var macroF1: Double { mean(images.indices.compactMap(f1)) }

  private func mean(_ values: [Double]) -> Double {
    values.isEmpty ? 0 : values.reduce(0, +) / Double(values.count)
  }

  /// A score for each image whose mean is the balanced accuracy: 1 over its class's share of the images and the number of
  /// classes where it was predicted right, else 0.
  package func balancedScores(_ outcomes: SettingOutcomes) -> [Double] {
    let classes = Double(images.count { $0 > 0 })
    let total = Double(outcomes.count)
    return zip(outcomes.labels, outcomes.predicted).map { label, predicted in
      label == predicted ? total / (classes * Double(images[Int(label)])) : 0
    }
  }

  /// A score for each image whose mean is the macro F1: that plus the image's influence on it.
  ///
  /// F1 of a class is a quotient 2c/d of sums over images, linear in each image to first order with the influence
  /// (2·[right] − F1·([its label] + [its prediction]))·n/d; the influences of all images add up to 0.
  package func macroF1Scores(_ outcomes: SettingOutcomes) -> [Double] {
    let classes = Double(images.indices.count { images[$0] + predictions[$0] > 0 })
    let total = Double(outcomes.count)
    let mean = macroF1
    func influence(_ index: Int, _ right: Double) -> Double {
      let weight = total / (classes * Double(images[index] + predictions[index]))
      return weight * (right - f1(index)!)
    }
    return zip(outcomes.labels, outcomes.predicted).map { label, predicted in
      label == predicted
        ? mean + 2 * influence(Int(label), 1)
        : mean + influence(Int(label), 0) + influence(Int(predicted), 0)
    }
  }
}

/// Number of images of one class that were predicted as one class.
public struct ConfusionCell: Sendable, Equatable {
  /// True class.
  public let label: Int
  /// Predicted class.
  public let predicted: Int
  /// Number of images.
  public let count: Int

  /// The cells of a setting's confusion table that are not 0, by true and then by predicted class.
  public static func table(_ outcomes: SettingOutcomes) -> [ConfusionCell] {
    var counts: [Int64: Int] = [:]
    for (label, predicted) in zip(outcomes.labels, outcomes.predicted) {
      counts[Int64(label) << 32 | Int64(predicted), default: 0] += 1
    }
    return counts.sorted { $0.key < $1.key }.map { key, count in
      ConfusionCell(label: Int(key >> 32), predicted: Int(key & 0xffff_ffff), count: count)
    }
  }
}
