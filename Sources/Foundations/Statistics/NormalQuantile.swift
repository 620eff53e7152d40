import Platform

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
