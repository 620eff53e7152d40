import Platform

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

  /// The score interval of Wilson (1927) with continuity correction, at a two-sided normal quantile.
  ///
  /// Without the correction the coverage swings around its nominal value, by a percent at 200 trials; with it the
  /// nominal value is very nearly a lower bound, for an interval wider by 1/n.
  ///
  /// Source: R. G. Newcombe, Two-sided confidence intervals for the single proportion, Statistics in Medicine 17 (1998),
  /// method 4.
  ///
  /// - Parameter z: 1.96 for 95 %.
  /// - Returns: bounds within 0...1; all of it for nothing counted.
  public func wilsonInterval(z: Double = normalQuantile(0.975)) -> ClosedRange<Double> {
    guard count > 0 else { return 0...1 }
    let n = Double(count)
    let failures = count - successes
    func lowerBound(_ share: Double, _ excess: Double) -> Double {
      let root = (z * z - 1 / n + 4 * n * value * (1 - value) + excess).squareRoot()
      return max(0, (2 * n * share + z * z - 1 - z * root) / (2 * (n + z * z)))
    }
    let lower = successes == 0 ? 0 : lowerBound(value, 4 * value - 2)
    let upper = failures == 0 ? 1 : 1 - lowerBound(1 - value, 2 - 4 * value)
    return lower...upper
  }
}

/// The standard normal quantile of `probability` in (0, 1).
///
/// Found by Newton's method on the complementary error function from a logistic start; absolute error below 1e-12 for
/// probabilities from 1e-12 to 1 − 1e-12.
public func normalQuantile(_ probability: Double) -> Double {
  precondition(probability > 0 && probability < 1)
  // Solving in the lower tail keeps the relative accuracy of small probabilities.
  if probability > 0.5 { return -normalQuantile(1 - probability) }
  var x = log(probability / (1 - probability)) / 1.702
  for _ in 0..<60 {
    let error = 0.5 * erfc(-x / 2.0.squareRoot()) - probability
    let density = exp(-0.5 * x * x) / (2 * Double.pi).squareRoot()
    let step = error / density
    // Halley's correction: plain Newton steps overshoot far out in the tail.
    let corrected = step / (1 + max(-0.5, x * step / 2))
    x -= corrected
    if abs(corrected) < 1e-14 * max(1, abs(x)) { break }
  }
  return x
}
