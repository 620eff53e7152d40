/// How the values of one element over the series become one value.
public enum Combination: Sendable, Equatable {
  /// A weighted sum.
  case linear(LinearCombination)
  /// The mean of what is left when the `trim` smallest and the `trim` largest values are dropped.
  case trimmedMean(count: Int, trim: Int)
  /// The variance around the mean, the sum of squares divided by the count, and at least `floor`.
  case variance(count: Int, floor: Double)
}

extension Combination {
  /// The checkpoints that have a part in the result.
  public var contributors: [Int] {
    switch self {
    case .linear(let linear): linear.contributors
    case .trimmedMean(let count, _), .variance(let count, _): Array(0..<count)
    }
  }
}
