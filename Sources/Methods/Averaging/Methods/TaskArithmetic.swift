import Checkpoint

/// The pretrained model plus weighted differences of fine-tuned ones from it, θ₀ + Σ wᵢ(θᵢ - θ₀) (Ilharco et
/// al. 2022, "Editing Models with Task Arithmetic", arXiv 2212.04089).
///
/// The series begins with the pretrained model.
public struct TaskArithmetic: AveragingMethod {
  /// The name in provenance and reports.
  public static let name = "task-arithmetic"

  let weights: [Double]

  /// - Parameter weights: One finite number for every fine-tuned model; they are not normalized.
  /// - Throws: `AveragingError.parameterOutOfRange`.
  public init(weights: [Double]) throws {
    for weight in weights { try require("weight", weight, "finite numbers") { $0.isFinite } }
    self.weights = weights
  }

  /// True: the first checkpoint is the pretrained model.
  public var beginsWithPretrained: Bool { true }

  /// False: the pretrained model would be counted twice.
  public func isContinuable(over timeline: Timeline) -> Bool { false }

  /// Empty: the weights are recorded with the inputs.
  public var settings: [(String, JSON)] { [] }

  /// The weighted sum that is equivalent to the differences.
  public func combination(of timeline: Timeline) throws -> Combination {
    guard weights.count == timeline.count - 1 else {
      throw AveragingError.countMismatch("weights", expected: timeline.count - 1, found: weights.count)
    }
    guard weights.contains(where: { $0 != 0 }) else { throw AveragingError.allWeightsZero }
    return .linear(LinearCombination(weights: [1 - weights.reduce(0, +)] + weights))
  }
}
