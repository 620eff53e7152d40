import Checkpoint
import Platform

/// The power-function EMA of another width, computed from snapshots of power-function EMAs.
///
/// The weights minimize the squared distance between the target's averaging profile and the weighted sum of
/// the snapshots' profiles, and are scaled to a sum of one (EDM2, arXiv 2312.02696, algorithm 3). The normal
/// equations are solved in float64: their condition number reaches 10⁹ for 512 snapshots, where float32 would
/// have no correct digit.
public struct PosthocMovingAverage: AveragingMethod {
  /// The name in provenance and reports.
  public static let name = "posthoc-ema"

  let gamma: Double
  let sourceSigmas: [Double]
  let targetStep: Double?

  /// - Parameters:
  ///   - width: Width of the average.
  ///   - sourceSigmas: The relative widths of the snapshots, one for all or one each.
  ///   - targetStep: The training step at which the average ends; nil for the last snapshot.
  /// - Throws: `AveragingError.parameterOutOfRange`.
  public init(_ width: PowerProfile.Width, sourceSigmas: [Double], targetStep: Double? = nil) throws {
    gamma = try width.exponent()
    for sigma in sourceSigmas {
      try require("sigma of a snapshot", sigma, "numbers above 0 and below 0.2886") {
        $0 > 0 && $0 < PowerProfile.sigmaLimit
      }
    }
    if let targetStep {
      try require("target step", targetStep, "a number above 0") { $0 > 0 && $0.isFinite }
    }
    self.sourceSigmas = sourceSigmas
    self.targetStep = targetStep
  }

  /// True: the weights depend on training steps.
  public var needsSteps: Bool { true }

  /// False: every snapshot changes the weights of all.
  public func isContinuable(over timeline: Timeline) -> Bool { false }

  /// Options that the result depends on, apart from the checkpoints.
  public var settings: [(String, JSON)] {
    var settings: [(String, JSON)] = [
      ("gamma", .number("\(gamma)")), ("source_sigma", .array(sourceSigmas.map { .number("\($0)") })),
    ]
    if let targetStep { settings.append(("target_step", .number("\(targetStep)"))) }
    return settings
  }

  /// The solution of the normal equations.
  public func combination(of timeline: Timeline) throws -> Combination {
    guard let steps = timeline.steps else { throw AveragingError.stepsMissing(method: Self.name) }
    guard sourceSigmas.count == 1 || sourceSigmas.count == steps.count else {
      throw AveragingError.countMismatch(
        "sigmas of snapshots", expected: steps.count, found: sourceSigmas.count)
    }
    if let first = steps.firstIndex(where: { $0 <= 0 }) {
      throw AveragingError.stepNotPositive(file: timeline.names[first], step: steps[first])
    }
    let target = (t: targetStep ?? steps.max()!, gamma: gamma)
    let used = steps.indices.filter { steps[$0] <= target.t }
    let snapshots = used.map { index in
      (
        t: steps[index],
        gamma: PowerProfile.gamma(sigma: sourceSigmas.count == 1 ? sourceSigmas[0] : sourceSigmas[index])
      )
    }
    guard !snapshots.isEmpty,
      let solution = solveLinearSystem(
        snapshots.map { a in snapshots.map { PowerProfile.product(a, $0) } },
        snapshots.map { PowerProfile.product($0, target) })
    else { throw AveragingError.snapshotsDependent }
    let sum = solution.reduce(0, +)
    guard sum != 0, sum.isFinite else { throw AveragingError.snapshotsDependent }
    var weights = [Double](repeating: 0, count: steps.count)
    for (index, value) in zip(used, solution) { weights[index] = value }
    return .linear(LinearCombination(weights: weights, divisor: sum))
  }
}

/// x with A·x = b by Gaussian elimination with partial pivoting; nil when A is singular.
func solveLinearSystem(_ matrix: [[Double]], _ right: [Double]) -> [Double]? {
  var a = matrix
  var b = right
  let n = b.count
  for column in 0..<n {
    let pivot = (column..<n).max { abs(a[$0][column]) < abs(a[$1][column]) }!
    guard a[pivot][column] != 0, a[pivot][column].isFinite else { return nil }
    a.swapAt(column, pivot)
    b.swapAt(column, pivot)
    for row in column + 1..<n {
      let factor = a[row][column] / a[column][column]
      if factor == 0 { continue }
      for k in column..<n { a[row][k] -= factor * a[column][k] }
      b[row] -= factor * b[column]
    }
  }
  for row in (0..<n).reversed() {
    for k in row + 1..<n { b[row] -= a[row][k] * b[k] }
    b[row] /= a[row][row]
  }
  return b
}

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
