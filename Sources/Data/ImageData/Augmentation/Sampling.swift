import Platform
import Statistics

func exponential(_ x: Double) -> Double { exp(x) }

func logarithms(of range: ClosedRange<Double>) -> ClosedRange<Double> {
  log(range.lowerBound)...log(range.upperBound)
}

extension SeededGenerator {
  /// Uniform between the ends of a range, which may be equal.
  mutating func uniform(in range: ClosedRange<Double>) -> Double {
    range.lowerBound + (range.upperBound - range.lowerBound) * uniform()
  }

  /// A number of the symmetric beta distribution.
  mutating func beta(_ alpha: Double) -> Double {
    let (x, y) = (gamma(alpha), gamma(alpha))
    // Both can underflow when alpha is tiny; the distribution is then that of a coin.
    return x + y > 0 ? x / (x + y) : (uniform() < 0.5 ? 0 : 1)
  }

  /// A number of the gamma distribution with scale 1.
  ///
  /// Marsaglia, Tsang, "A Simple Method for Generating Gamma Variables" (2000); shapes below 1 by their
  /// section 6.
  private mutating func gamma(_ shape: Double) -> Double {
    if shape < 1 { return gamma(shape + 1) * pow(1 - uniform(), 1 / shape) }
    let d = shape - 1.0 / 3
    let c = 1 / (9 * d).squareRoot()
    while true {
      let x = normal()
      let v = (1 + c * x) * (1 + c * x) * (1 + c * x)
      guard v > 0 else { continue }
      if log(1 - uniform()) < 0.5 * x * x + d - d * v + d * log(v) { return d * v }
    }
  }
}
