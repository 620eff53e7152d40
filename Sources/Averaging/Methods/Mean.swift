import Checkpoint

/// The arithmetic mean: stochastic weight averaging (Izmailov et al. 2018, arXiv 1803.05407, section 3.2).
///
/// Values are summed and divided once, so that the mean of equal models is that model.
public struct Mean: AveragingMethod {
  public static let name = "mean"
  public static let aliases = ["swa"]
  public static let parameters: [MethodParameter] = []

  public init(_ parameters: MethodParameters = MethodParameters()) throws {}

  public var settings: [(String, JSON)] { [] }

  public func combination(of timeline: Timeline) throws -> Combination {
    .linear(
      LinearCombination(
        weights: Array(repeating: 1, count: timeline.count), divisor: Double(timeline.count)))
  }
}
