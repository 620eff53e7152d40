import Checkpoint

/// The arithmetic mean: stochastic weight averaging (Izmailov et al. 2018, arXiv 1803.05407, section 3.2).
///
/// Values are summed and divided once, so that the mean of equal models is that model. A checkpoint that is a
/// mean itself counts as the number of models in it, so that it can be continued.
public struct Mean: AveragingMethod {
  /// The name in provenance and reports.
  public static let name = "mean"
  /// The name in the paper.
  public static let aliases = ["swa"]

  private let counts: [Double]?

  /// The mean of single models, or of checkpoints weighted by the counts in their files.
  public init() { counts = nil }

  /// - Parameter counts: Number of models, or of samples, in every checkpoint: its weight.
  /// - Throws: `AveragingError.parameterOutOfRange` for a count that is no whole number from 1.
  public init(counts: [Double]) throws {
    for count in counts {
      try require("count", count, "whole numbers from 1") { $0 >= 1 && $0 == $0.rounded() && $0 <= 0x1p53 }
    }
    self.counts = counts
  }

  /// Empty: the counts are recorded with the inputs, as weights.
  public var settings: [(String, JSON)] { [] }

  /// The checkpoints weighted by their counts, divided by the sum of these.
  public func combination(of timeline: Timeline) throws -> Combination {
    if let counts, counts.count != timeline.count {
      throw AveragingError.countMismatch("counts", expected: timeline.count, found: counts.count)
    }
    let counts = counts ?? timeline.modelCounts
    return .linear(LinearCombination(weights: counts, divisor: counts.reduce(0, +)))
  }
}
