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
      let idle = LinearCombination.Update(keep: 1, add: 0)
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

/// A weighted sum of the checkpoints of a series, as the recurrence that computes it.
///
/// With S₀ = 0, Sᵢ = keepᵢ·Sᵢ₋₁ + addᵢ·θᵢ; the result is S_N / divisor. Every step needs only its
/// predecessors, so that a series can be continued later with the same bits as in one run.
public struct LinearCombination: Sendable, Equatable {
  /// One checkpoint's step of the recurrence.
  public struct Update: Sendable, Equatable {
    /// Factor of the sum so far.
    public var keep: Double
    /// Factor of the checkpoint.
    public var add: Double

    /// A step of the recurrence.
    public init(keep: Double, add: Double) {
      self.keep = keep
      self.add = add
    }
  }

  /// The steps in the order of the series.
  public var steps: [Update]
  /// Divisor of the final sum.
  public var divisor: Double

  /// The combination of these steps.
  public init(steps: [Update], divisor: Double = 1) {
    self.steps = steps
    self.divisor = divisor
  }

  /// The sum of the checkpoints with fixed weights, divided by `divisor`.
  public init(weights: [Double], divisor: Double = 1) {
    self.init(steps: weights.map { Update(keep: 1, add: $0) }, divisor: divisor)
  }

  /// The combination that selects one of `count` checkpoints.
  public static func only(_ index: Int, of count: Int) -> Self {
    Self(weights: (0..<count).map { $0 == index ? 1 : 0 })
  }

  /// The weight of every checkpoint in the result: addᵢ · Π keepⱼ over j > i, over the divisor.
  public var weights: [Double] {
    var weights = [Double](repeating: 0, count: steps.count)
    var later = 1.0
    for index in steps.indices.reversed() {
      weights[index] = steps[index].add * later / divisor
      later *= steps[index].keep
    }
    return weights
  }

  /// These weights for a subset of the checkpoints, scaled to the same sum; nil when those weights add up to
  /// zero.
  public func restricted(to members: [Int]) -> Self? {
    let weights = weights
    let kept = weights.indices.map { members.contains($0) ? weights[$0] : 0 }
    let share = kept.reduce(0, +)
    guard share != 0, share.isFinite else { return nil }
    return Self(weights: kept, divisor: share / weights.reduce(0, +))
  }

  /// Kish's effective sample size (Σw)² / Σw²: number of equally weighted checkpoints that average out as
  /// much noise.
  public var effectiveSampleSize: Double {
    let weights = weights
    let sum = weights.reduce(0, +)
    return sum * sum / weights.reduce(0) { $0 + $1 * $1 }
  }

  /// The checkpoints with a nonzero weight.
  public var contributors: [Int] { steps.indices.filter { steps[$0].add != 0 } }
}
