/// Cached features with the class of each image.
public struct LabelledFeatures: Sendable {
  public let features: FeatureMaps
  public let labels: [Int]

  /// - Parameter labels: one class index per image of `features`.
  public init(features: FeatureMaps, labels: [Int]) {
    self.features = features
    self.labels = labels
  }

  func validate(classes: Int, what: String) throws {
    guard labels.count == features.count else {
      throw TuningError.shapeMismatch(
        what: "labels of \(what)", expected: [features.count], found: [labels.count])
    }
    guard !labels.isEmpty else { throw TuningError.empty(what: what) }
    for (sample, label) in labels.enumerated() where !(0..<classes).contains(label) {
      throw TuningError.labelOutOfRange(sample: sample, label: label, classes: classes)
    }
  }
}
