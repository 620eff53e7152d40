/// Cached features with the class of each image.
public struct LabelledFeatures: Sendable {
  /// What the frozen trunk gives for each image.
  public let features: FeatureMaps
  /// Class index of each image.
  public let labels: [Int]
  /// A teacher's logits, [images, classes], for distillation.
  public let teacherLogits: [Float]?

  /// - Parameters:
  ///   - labels: one class index per image of `features`.
  ///   - teacherLogits: [images, classes] row by row.
  public init(features: FeatureMaps, labels: [Int], teacherLogits: [Float]? = nil) {
    self.features = features
    self.labels = labels
    self.teacherLogits = teacherLogits
  }

  func batch(_ rows: ArraySlice<Int>, logits: [Double], classes: Int) -> LossBatch {
    let teacher = teacherLogits.map { all in
      rows.flatMap { all[$0 * classes..<($0 + 1) * classes].map(Double.init) }
    }
    return LossBatch(
      logits: logits, classes: classes, labels: rows.map { labels[$0] }, teacherLogits: teacher)
  }

  func validate(classes: Int, what: String) throws {
    guard labels.count == features.shape.count else {
      throw TuningError.shapeMismatch(
        what: "labels of \(what)", expected: [features.shape.count], found: [labels.count])
    }
    if let teacherLogits, teacherLogits.count != labels.count * classes {
      throw TuningError.shapeMismatch(
        what: "teacher logits of \(what)", expected: [labels.count, classes], found: [teacherLogits.count])
    }
    guard !labels.isEmpty else { throw TuningError.empty(what: what) }
    for (sample, label) in labels.enumerated() where !(0..<classes).contains(label) {
      throw TuningError.labelOutOfRange(sample: sample, label: label, classes: classes)
    }
  }
}
