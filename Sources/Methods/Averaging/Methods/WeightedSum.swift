import Checkpoint

/// The sum of the checkpoints with given weights, by default divided by the sum of the weights.
///
/// Negative weights extrapolate; a zero excludes a checkpoint.
public struct WeightedSum: AveragingMethod {
  /// The name in provenance and reports.
  public static let name = "weights"

  let weights: [Double]
  let isNormalized: Bool

  /// - Parameters:
  ///   - weights: One finite number for every checkpoint.
  ///   - isNormalized: True to divide by the sum of the weights.
  /// - Throws: `AveragingError.parameterOutOfRange`.
  public init(weights: [Double], isNormalized: Bool = true) throws {
    for weight in weights { try require("weight", weight, "finite numbers") { $0.isFinite } }
    self.weights = weights
    self.isNormalized = isNormalized
  }

  /// The kind of sum; the weights themselves are recorded with the inputs.
  public var settings: [(String, JSON)] { isNormalized ? [] : [("unnormalized", .bool(true))] }

  /// The sum.
  public func combination(of timeline: Timeline) throws -> Combination {
    guard weights.count == timeline.count else {
      throw AveragingError.countMismatch("weights", expected: timeline.count, found: weights.count)
    }
    guard weights.contains(where: { $0 != 0 }) else { throw AveragingError.allWeightsZero }
    let sum = weights.reduce(0, +)
    if isNormalized && sum == 0 { throw AveragingError.weightsCancel }
    return .linear(LinearCombination(weights: weights, divisor: isNormalized ? sum : 1))
  }
}
