/// A share of successes with its interval.
public struct Proportion: Sendable, Equatable {
  /// Number of successes.
  public let successes: Int
  /// Number of trials.
  public let count: Int

  /// - Precondition: 0 ≤ `successes` ≤ `count`.
  public init(successes: Int, count: Int) {
    precondition(successes >= 0 && successes <= count)
    self.successes = successes
    self.count = count
  }

  /// Successes over count; 0 of nothing.
  public var value: Double { Double(successes) / Double(max(count, 1)) }

  /// The score interval of Wilson (1927) at a two-sided normal quantile.
  ///
  /// - Parameter z: 1.96 for 95 %.
  /// - Returns: bounds within 0...1; all of it for nothing counted.
  public func wilsonInterval(z: Double = normalQuantile(0.975)) -> ClosedRange<Double> {
    guard count > 0 else { return 0...1 }
    let n = Double(count)
    let shrink = 1 / (1 + z * z / n)
    let centre = shrink * (value + z * z / (2 * n))
    let half = shrink * z * (value * (1 - value) / n + z * z / (4 * n * n)).squareRoot()
    return max(0, centre - half)...min(1, centre + half)
  }
}
