import Checkpoint

/// SWAG: the mean of the checkpoints, their variance and the last K deviations, from which models can be drawn.
///
/// Source: Maddox et al. 2019, "A Simple Baseline for Bayesian Uncertainty in Deep Learning", arXiv 1902.02476,
/// section 3.2. The variance is that of Welford's method in float64; the difference of mean square and squared mean, as
/// usually computed, loses all digits when checkpoints are close. A deviation is θᵢ minus the mean of the first i
/// checkpoints, as in the paper, or minus the final mean.
struct GaussianMoments: AveragingMethod {
  static let name = "swag"
  static let parameters: [MethodParameter] = [.rank, .centered]

  let rank: Int
  let isCentered: Bool

  init(_ parameters: MethodParameters = MethodParameters()) throws {
    let given = try parameters.number(.rank, "a whole number from 2 to 1000") {
      (2...1000).contains($0) && $0 == $0.rounded()
    }
    rank = Int(given ?? 20)
    isCentered = parameters.isOn(.centered)
  }

  var settings: [(String, JSON)] {
    [("rank", .number("\(rank)"))] + (isCentered ? [("centered", .bool(true))] : [])
  }

  var metadata: [(key: String, value: String)] { [(SWAGNames.rankKey, "\(rank)")] }

  func combination(of timeline: Timeline) throws -> Combination {
    guard timeline.count >= 2 else { throw AveragingError.tooFew(method: Self.name, needed: 2, found: 1) }
    return try Mean().combination(of: timeline)
  }

  func companions(of timeline: Timeline) throws -> [Companion] {
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

/// Names of the tensors of a SWAG file, behind that of the parameter.
enum SWAGNames {
  /// Key of the metadata that tells how many deviations were asked for.
  static let rankKey = MetadataKey.swagRank
  static let variance = ".swag_variance"
  static func deviation(_ row: Int) -> String { ".swag_deviation_\(row)" }
}
