import Platform

/// The power-function averaging profile p(τ; t, γ) = (γ + 1)·τ^γ / t^(γ+1) over the training times τ from 0
/// to t.
///
/// Source: Karras et al. 2024, "Analyzing and Improving the Training Dynamics of Diffusion Models" (EDM2),
/// arXiv 2312.02696, section 3 and appendix C.
public enum PowerProfile {
  /// Width of an average.
  public enum Width: Sendable, Equatable {
    /// Standard deviation as a share of the training length, above 0 and below 1/√12.
    case sigma(Double)
    /// The exponent γ, above -1.
    case gamma(Double)

    /// The exponent γ.
    ///
    /// - Throws: `AveragingError.parameterOutOfRange`.
    public func exponent() throws -> Double {
      switch self {
      case .gamma(let gamma):
        try require("gamma", gamma, "a number above -1") { $0 > -1 && $0.isFinite }
        return gamma
      case .sigma(let sigma):
        try require("sigma", sigma, "a number above 0 and below 0.2886") {
          $0 > 0 && $0 < PowerProfile.sigmaLimit
        }
        return PowerProfile.gamma(sigma: sigma)
      }
    }
  }

  /// The width of γ = 0, an exclusive upper bound.
  static let sigmaLimit = 1 / 12.0.squareRoot()

  /// γ of the profile whose standard deviation is σ·t: the positive root of
  /// x³ + 7x² + (16 - σ⁻²)·x + 12 - σ⁻².
  static func gamma(sigma: Double) -> Double {
    let s = 1 / (sigma * sigma)
    func f(_ x: Double) -> Double { ((x + 7) * x + (16 - s)) * x + (12 - s) }
    // One sign change in the coefficients: a single positive root, and f(1/σ) > 0 > f(0).
    var low = 0.0
    var high = 1 / sigma
    while true {
      let middle = (low + high) / 2
      if middle <= low || middle >= high { return middle }
      if f(middle) < 0 { low = middle } else { high = middle }
    }
  }

  /// ∫ p(τ; a)·p(τ; b) dτ, EDM2's `p_dot_p`.
  static func product(_ a: (t: Double, gamma: Double), _ b: (t: Double, gamma: Double)) -> Double {
    let exponent = a.t < b.t ? b.gamma : -a.gamma
    return (a.gamma + 1) * (b.gamma + 1) * pow(a.t / b.t, exponent)
      / ((a.gamma + b.gamma + 1) * max(a.t, b.t))
  }
}
