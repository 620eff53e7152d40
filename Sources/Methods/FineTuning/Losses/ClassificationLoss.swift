/// The rows of one batch, as input of a loss.
public struct LossBatch: Sendable {
  /// Logits, [rows, classes] in row-major order.
  public var logits: [Double]
  /// Logits per row.
  public var classes: Int
  /// The class of each row.
  public var labels: [Int]
  /// A teacher's logits in the same layout, for distillation.
  public var teacherLogits: [Double]?

  /// - Parameters:
  ///   - logits: [labels.count, classes] in row-major order.
  ///   - classes: logits per row.
  ///   - labels: the class of each row.
  ///   - teacherLogits: a teacher's logits, [labels.count, classes] in row-major order; nil without a
  ///     teacher.
  public init(logits: [Double], classes: Int, labels: [Int], teacherLogits: [Double]? = nil) {
    self.logits = logits
    self.classes = classes
    self.labels = labels
    self.teacherLogits = teacherLogits
  }

  var rows: Int { labels.count }
}

/// A loss over a batch of logits with its gradient, computed in float64.
public protocol ClassificationLoss: Sendable {
  /// The batch's loss, PyTorch's `reduction="mean"`.
  ///
  /// - Parameters:
  ///   - batch: the rows.
  ///   - gradient: receives dLoss/dLogits, [rows, classes]; every element is overwritten.
  func evaluate(_ batch: LossBatch, gradient: inout [Double]) -> Double
}
