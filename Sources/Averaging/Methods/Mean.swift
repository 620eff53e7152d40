import Checkpoint

/// The arithmetic mean: stochastic weight averaging (Izmailov et al. 2018, arXiv 1803.05407, section 3.2).
///
/// Values are summed and divided once, so that the mean of equal models is that model.
struct Mean: AveragingMethod {
  static let name = "mean"
  static let aliases = ["swa"]
  static let parameters: [MethodParameter] = []

  init(_ parameters: MethodParameters = MethodParameters()) throws {}

  var settings: [(String, JSON)] { [] }

  func combination(of timeline: Timeline) throws -> Combination {
    .linear(
      LinearCombination(
        weights: Array(repeating: 1, count: timeline.count), divisor: Double(timeline.count)))
  }
}
