import Checkpoint

/// The arithmetic mean: stochastic weight averaging (Izmailov et al. 2018, arXiv 1803.05407, section 3.2).
///
/// Values are summed and divided once, so that the mean of equal models is that model. A file of PyTorch's
/// AveragedModel counts as the number of models behind it, so that a mean can be continued from it.
struct Mean: AveragingMethod {
  static let name = "mean"
  static let aliases = ["swa"]
  static let parameters: [MethodParameter] = []

  init(_ parameters: MethodParameters = MethodParameters()) throws {}

  var settings: [(String, JSON)] { [] }

  func combination(of timeline: Timeline) throws -> Combination {
    .linear(
      LinearCombination(
        weights: timeline.modelCounts, divisor: timeline.modelCounts.reduce(0, +)))
  }
}
