import Platform

/// Differences of paired numbers, such as the scores of two networks in the same repetitions, and Student's test of them.
///
/// ```swift
/// let differences = PairedDifferences([0.71, 0.74, 0.70], [0.69, 0.71, 0.69])
/// print(differences.mean, differences.interval, differences.pValue)
/// ```
public struct PairedDifferences: Sendable, Equatable {
  /// First less second, pair by pair.
  public let values: [Double]

  /// - Precondition: As many numbers on both sides, and at least one.
  public init(_ first: [Double], _ second: [Double]) {
    precondition(first.count == second.count && !first.isEmpty, "\(first.count) and \(second.count) numbers")
    values = zip(first, second).map { $0 - $1 }
  }

  /// Number of pairs.
  public var count: Int { values.count }

  /// Mean of the differences.
  public var mean: Double { values.reduce(0, +) / Double(count) }

  /// Standard error of the mean, from the unbiased variance; NaN for a single pair.
  public var standardError: Double {
    guard count > 1 else { return .nan }
    let mean = mean
    let sum = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) }
    return (sum / Double(count - 1) / Double(count)).squareRoot()
  }

  /// 95 % interval of the mean difference by Student's distribution; the mean alone for a single pair.
  public var interval: ClosedRange<Double> {
    guard count > 1 else { return mean...mean }
    var (low, high) = (0.0, 1e3)
    // Half of the interval in standard errors, to the last bits.
    for _ in 0..<80 {
      let middle = (low + high) / 2
      if Self.twoSided(middle, degrees: Double(count - 1)) > 0.05 { low = middle } else { high = middle }
    }
    let half = high * standardError
    return mean - half...mean + half
  }

  /// Probability of a mean at least as far from 0 if there is no difference (Student 1908, two-sided); NaN for a single
  /// pair.
  public var pValue: Double {
    guard count > 1 else { return .nan }
    if standardError == 0 { return mean == 0 ? 1 : 0 }
    return Self.twoSided(abs(mean) / standardError, degrees: Double(count - 1))
  }

  /// P(|T| > t) = I(degrees / (degrees + t^2); degrees / 2, 1/2).
  private static func twoSided(_ t: Double, degrees: Double) -> Double {
    regularizedBeta(degrees / (degrees + t * t), degrees / 2, 0.5)
  }

  /// The logarithm of the gamma function of a multiple of one half, by its recurrence.
  private static func logGamma(_ x: Double) -> Double {
    var sum = x == x.rounded() ? 0 : log(Double.pi) / 2
    var factor = x - 1
    while factor > 0 {
      sum += log(factor)
      factor -= 1
    }
    return sum
  }

  /// The regularized incomplete beta function of multiples of one half as `a` and `b`, by its continued fraction (Abramowitz and Stegun 26.5.8), evaluated by
  /// Lentz's method.
  static func regularizedBeta(_ x: Double, _ a: Double, _ b: Double) -> Double {
    if x <= 0 { return 0 }
    if x >= 1 { return 1 }
    if x > (a + 1) / (a + b + 2) { return 1 - regularizedBeta(1 - x, b, a) }
    let logBeta: Double = logGamma(a) + logGamma(b) - logGamma(a + b)
    let logPowers: Double = a * log(x) + b * log(1 - x)
    let front: Double = exp(logPowers - logBeta) / a
    let tiny = 1e-300
    func floored(_ value: Double) -> Double { abs(value) < tiny ? tiny : value }
    var c = 1.0
    var d = 1 / floored(1 - (a + b) * x / (a + 1))
    var fraction = d
    for step in 1...500 {
      let m = Double(step)
      let last: Double = a + 2 * m
      let even: Double = m * (b - m) * x / ((last - 1) * last)
      d = 1 / floored(1 + even * d)
      c = floored(1 + even / c)
      fraction *= d * c
      let odd: Double = -(a + m) * (a + b + m) * x / (last * (last + 1))
      d = 1 / floored(1 + odd * d)
      c = floored(1 + odd / c)
      fraction *= d * c
      if abs(d * c - 1) < 1e-15 { break }
    }
    return front * fraction
  }
}
