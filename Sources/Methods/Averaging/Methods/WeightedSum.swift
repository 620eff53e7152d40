import Checkpoint

/// The sum of the checkpoints by given weights, over the sum of the weights unless told otherwise.
///
/// Negative weights extrapolate; a zero leaves a checkpoint out.
struct WeightedSum: AveragingMethod {
  static let name = "weights"
  static let parameters: [MethodParameter] = [.weights, .unnormalized]

  let weights: [Double]
  let isNormalized: Bool

  init(_ parameters: MethodParameters) throws {
    guard let weights = parameters.list(.weights) else {
      throw AveragingError.parameterMissing(method: Self.name, .weights)
    }
    if let wrong = weights.first(where: { !$0.isFinite }) {
      throw AveragingError.parameterOutOfRange(.weights, value: wrong, range: "finite numbers")
    }
    self.weights = weights
    isNormalized = !parameters.isOn(.unnormalized)
  }

  /// The weights themselves stand with the inputs.
  var settings: [(String, JSON)] { isNormalized ? [] : [("unnormalized", .bool(true))] }

  func combination(of timeline: Timeline) throws -> Combination {
    guard weights.count == timeline.count else {
      throw AveragingError.countMismatch(.weights, expected: timeline.count, found: weights.count)
    }
    guard weights.contains(where: { $0 != 0 }) else { throw AveragingError.allWeightsZero }
    let sum = weights.reduce(0, +)
    if isNormalized && sum == 0 { throw AveragingError.weightsCancel }
    return .linear(LinearCombination(weights: weights, divisor: isNormalized ? sum : 1))
  }
}
