/// Cached features with the class of each image.
public struct LabelledFeatures: Sendable {
  /// Outputs of the frozen backbone for each view: view v of image i is number i·views + v.
  public let features: FeatureMaps
  /// Number of views of each image. An epoch takes one of them at random; measuring uses the first.
  public let views: Int
  /// Class index of each image.
  public let labels: [Int]
  /// A teacher's logits for distillation, [images·views, classes]: each view's own.
  public let teacherLogits: [Float]?

  /// - Parameters:
  ///   - features: one map per view: view v of image i is number i·views + v.
  ///   - views: cached views per image.
  ///   - labels: one class index per image.
  ///   - teacherLogits: [images·views, classes] in row-major order.
  public init(features: FeatureMaps, views: Int = 1, labels: [Int], teacherLogits: [Float]? = nil) {
    self.features = features
    self.views = views
    self.labels = labels
    self.teacherLogits = teacherLogits
  }

  func labels(of rows: ArraySlice<Int>) -> [Int] { rows.map { labels[$0 / views] } }

  func teacherLogits(of rows: ArraySlice<Int>, classes: Int) -> [Double]? {
    teacherLogits.map { all in
      rows.flatMap { all[$0 * classes..<($0 + 1) * classes].map(Double.init) }
    }
  }

  func batch(_ rows: ArraySlice<Int>, logits: [Double], classes: Int) -> LossBatch {
    LossBatch(
      logits: logits, classes: classes, labels: labels(of: rows),
      teacherLogits: teacherLogits(of: rows, classes: classes))
  }

  func validate(for start: TailParameters, what: String) throws {
    let classes = start.classes
    guard start.featureChannels == features.shape.channels else {
      throw TuningError.shapeMismatch(
        what: "features per position", expected: [start.featureChannels], found: [features.shape.channels])
    }
    guard labels.count * views == features.shape.count else {
      throw TuningError.shapeMismatch(
        what: "labels of \(what)", expected: [features.shape.count / views], found: [labels.count])
    }
    if let teacherLogits, teacherLogits.count != features.shape.count * classes {
      throw TuningError.shapeMismatch(
        what: "teacher logits of \(what)", expected: [features.shape.count, classes],
        found: [teacherLogits.count])
    }
    guard !labels.isEmpty else { throw TuningError.empty(what: what) }
    for (sample, label) in labels.enumerated() where !(0..<classes).contains(label) {
      throw TuningError.labelOutOfRange(sample: sample, label: label, classes: classes)
    }
  }
}
