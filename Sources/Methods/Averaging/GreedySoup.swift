/// Greedy selection of the checkpoints whose mean scores best on validation data.
///
/// Source: Wortsman et al. 2022, "Model soups", arXiv 2203.05482, recipe 1. A checkpoint stays only if it
/// strictly improves the score.
///
/// ```swift
/// let soup = try GreedySoup.select(count: files.count, mode: .max) { members in
///   try validationAccuracy(members.map { files[$0] })
/// }
/// print(soup.members, soup.score)
/// ```
public enum GreedySoup {
  /// Direction of a score: high is better for accuracy, low for a loss.
  public enum Mode: String, CaseIterable, Sendable {
    /// Higher is better.
    case max
    /// Lower is better.
    case min

    /// True if `a` is strictly better than `b`; NaN is worse than every number.
    public func isBetter(_ a: Double, than b: Double) -> Bool {
      if a.isNaN || b.isNaN { return !a.isNaN }
      return self == .max ? a > b : a < b
    }
  }

  /// The selected checkpoints, ascending, the score of their mean, and the scores of all checkpoints alone.
  ///
  /// Checkpoints are tried in the order of their own scores, the newer first among equals.
  ///
  /// - Parameters:
  ///   - count: Number of checkpoints, above 0.
  ///   - mode: Direction of the scores.
  ///   - score: Score of the mean of some checkpoints, given in ascending order.
  public static func select(
    count: Int, mode: Mode, score: (_ members: [Int]) throws -> Double
  ) rethrows -> (members: [Int], score: Double, alone: [Double]) {
    let alone = try (0..<count).map { try score([$0]) }
    let order = (0..<count).sorted { a, b in
      mode.isBetter(alone[a], than: alone[b]) || !mode.isBetter(alone[b], than: alone[a]) && a > b
    }
    var members = [order[0]]
    var best = alone[order[0]]
    for candidate in order.dropFirst() {
      let trial = (members + [candidate]).sorted()
      let result = try score(trial)
      if mode.isBetter(result, than: best) {
        members = trial
        best = result
      }
    }
    return (members, best, alone)
  }
}
