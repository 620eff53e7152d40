/// Combination of an element's values over the series into one value.
public enum Combination: Sendable, Equatable {
  /// A weighted sum.
  case linear(LinearCombination)
  /// The mean without the `trim` smallest and the `trim` largest values.
  case trimmedMean(inputs: Range<Int>, trim: Int)
  /// The variance around the mean, the sum of squares divided by the count, and at least `floor`.
  case variance(inputs: Range<Int>, floor: Double)
  /// The first value plus those differences of the others from it that a rule keeps.
  case election(inputs: Range<Int>, ElectionRule)
}

extension Combination {
  /// The checkpoints that contribute to the result.
  public var contributors: [Int] {
    switch self {
    case .linear(let linear): linear.contributors
    case .trimmedMean(let inputs, _), .variance(let inputs, _), .election(let inputs, _): Array(inputs)
    }
  }

  /// This combination for the last checkpoints of a series with `count` more before them.
  public func shifted(by count: Int) -> Self {
    switch self {
    case .linear(let linear):
      let idle = LinearCombination.Step(keep: 1, add: 0)
      return .linear(
        LinearCombination(steps: Array(repeating: idle, count: count) + linear.steps, divisor: linear.divisor)
      )
    case .trimmedMean(let inputs, let trim):
      return .trimmedMean(inputs: inputs.lowerBound + count..<inputs.upperBound + count, trim: trim)
    case .variance(let inputs, let floor):
      return .variance(inputs: inputs.lowerBound + count..<inputs.upperBound + count, floor: floor)
    case .election(let inputs, let rule):
      return .election(inputs: inputs.lowerBound + count..<inputs.upperBound + count, rule)
    }
  }
}
