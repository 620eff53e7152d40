import Checkpoint

/// The arithmetic mean: stochastic weight averaging (Izmailov et al. 2018, arXiv 1803.05407, section 3.2).
///
/// Values are summed and divided once, so that the mean of equal models is that model. A checkpoint may be a mean itself
/// and then counts as the number of models behind it, so that it can be continued.
struct Mean: AveragingMethod {
  static let name = "mean"
  static let aliases = ["swa"]
  static let parameters: [MethodParameter] = [.counts]

  private let counts: [Double]?

  init(_ parameters: MethodParameters = MethodParameters()) throws {
    counts = parameters.list(.counts)
    if let wrong = counts?.first(where: { !($0 >= 1 && $0 == $0.rounded() && $0 <= 0x1p53) }) {
      throw AveragingError.parameterOutOfRange(.counts, value: wrong, range: "whole numbers from 1")
    }
  }

  /// The counts stand with the inputs, as weights.
  var settings: [(String, JSON)] { [] }

  func combination(of timeline: Timeline) throws -> Combination {
    if let counts, counts.count != timeline.count {
      throw AveragingError.countMismatch(.counts, expected: timeline.count, found: counts.count)
    }
    let counts = counts ?? timeline.modelCounts
    return .linear(LinearCombination(weights: counts, divisor: counts.reduce(0, +)))
  }
}
