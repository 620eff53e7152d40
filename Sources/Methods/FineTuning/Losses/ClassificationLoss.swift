import Platform

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

  /// True if the batch's loss is the mean of its images' losses, so that parts of a batch can be evaluated one by one.
  var isMean: Bool { get }
}

extension ClassificationLoss {
  /// True: most losses are means over the images.
  public var isMean: Bool { true }
}

/// The parts of a smoothed target (Szegedy et al. 2016, §7): `onLabel` for the row's class, and `everywhere`
/// for every class including that one.
struct LabelSmoothing {
  let onLabel: Double
  let everywhere: Double

  /// - Parameter epsilon: share of the target that is spread over all classes.
  init(_ epsilon: Double, classes: Int) {
    onLabel = 1 - epsilon
    everywhere = epsilon / Double(classes)
  }
}

/// Log-softmax of one row of logits, shifted by the maximum so that no exponential overflows.
///
/// - Parameter temperature: divides the logits first.
func logSoftmax(_ logits: ArraySlice<Double>, temperature: Double = 1) -> [Double] {
  let maximum = logits.max() ?? 0
  var shifted = [Double](repeating: 0, count: logits.count)
  var sum = 0.0
  for (j, logit) in logits.enumerated() {
    shifted[j] = (logit - maximum) / temperature
    sum += exp(shifted[j])
  }
  let logSum = log(sum)
  for j in shifted.indices { shifted[j] -= logSum }
  return shifted
}
