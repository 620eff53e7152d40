import Checkpoint

/// SWAG: the mean of the checkpoints, their variance and the last K deviations, from which models can be
/// sampled.
///
/// Source: Maddox et al. 2019, "A Simple Baseline for Bayesian Uncertainty in Deep Learning", arXiv
/// 1902.02476, section 3.2. The variance is computed by Welford's method in float64; the usual difference of
/// mean square and squared mean loses all digits when checkpoints are close. A deviation is θᵢ minus the mean
/// of the first i checkpoints, as in the paper, or minus the final mean.
public struct GaussianMoments: AveragingMethod {
  /// The name in provenance and reports.
  public static let name = "swag"

  let rank: Int
  let isCentered: Bool

  /// The valid numbers of deviations.
  static let ranks = 2...1000

  /// - Parameters:
  ///   - rank: Number of deviations to keep, from 2 to 1000.
  ///   - isCentered: True for deviations from the final mean instead of the running one.
  /// - Throws: `AveragingError.parameterOutOfRange`.
  public init(rank: Int = 20, isCentered: Bool = false) throws {
    try require("rank", Double(rank), "a whole number from 2 to 1000") { _ in Self.ranks.contains(rank) }
    self.rank = rank
    self.isCentered = isCentered
  }

  /// Options that the result depends on, apart from the checkpoints.
  public var settings: [(String, JSON)] {
    [("rank", .number("\(rank)"))] + (isCentered ? [("centered", .bool(true))] : [])
  }

  /// The requested number of deviations.
  public var metadata: [(key: String, value: String)] { [(SWAGNames.rankKey, "\(rank)")] }

  /// False: deviations and variance need all checkpoints.
  public func isContinuable(over timeline: Timeline) -> Bool { false }

  /// The mean.
  public func combination(of timeline: Timeline) throws -> Combination {
    guard timeline.count >= 2 else { throw AveragingError.tooFew(method: Self.name, needed: 2, found: 1) }
    return try Mean().combination(of: timeline)
  }

  /// The variance and the last deviations.
  public func companions(of timeline: Timeline) throws -> [Companion] {
    let count = timeline.count
    let deviations = (max(0, count - rank)..<count).enumerated().map { row, index in
      Companion(suffix: SWAGNames.deviation(row), combination: .linear(deviation(of: index, count: count)))
    }
    return [Companion(suffix: SWAGNames.variance, combination: .variance(inputs: 0..<count, floor: 1e-30))]
      + deviations
  }

  /// θᵢ - (θ₁ + … + θₙ)/n, as ((n - 1)·θᵢ - the others)/n; n is i, or all.
  private func deviation(of index: Int, count: Int) -> LinearCombination {
    let n = isCentered ? count : index + 1
    var weights = [Double](repeating: 0, count: count)
    for other in 0..<n { weights[other] = -1 }
    weights[index] = Double(n - 1)
    return LinearCombination(weights: weights, divisor: Double(n))
  }
}

/// Suffixes of the tensor names of a SWAG file, after that of the parameter.
enum SWAGNames {
  /// Metadata key of the requested number of deviations.
  static let rankKey = MetadataKey.swagRank
  static let variance = ".swag_variance"
  static func deviation(_ row: Int) -> String { ".swag_deviation_\(row)" }
}
