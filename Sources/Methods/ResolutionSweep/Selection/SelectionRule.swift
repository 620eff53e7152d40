import Statistics

/// Rule for choosing a setting from paired scores.
public struct SelectionRule: Sendable {
  /// Preference among several good settings.
  public var preference: Preference
  /// Probability that the confidence set contains the best setting.
  public var level: Double
  /// Number of bootstrap resamples for the confidence set.
  public var replicates: Int

  /// - Precondition: 0 < `level` < 1, `replicates` > 0.
  public init(preference: Preference, level: Double = 0.95, replicates: Int = 2000) {
    precondition(level > 0 && level < 1 && replicates > 0)
    self.preference = preference
    self.level = level
    self.replicates = replicates
  }

  /// The chosen setting.
  ///
  /// - Parameters:
  ///   - scores: paired scores, higher is better.
  ///   - costs: cost of each setting in any unit.
  ///   - confidenceSet: the set for these scores if known; nil computes it when needed.
  ///   - generator: source of the resampling.
  public func choose(
    _ scores: ScoreMatrix, costs: [Double], confidenceSet: ConfidenceSet? = nil,
    generator: inout SeededGenerator
  ) -> Int {
    precondition(costs.count == scores.settingCount)
    let means = scores.means
    switch preference {
    case .accuracy: return best(of: means, costs: costs)
    case .cheap:
      let set =
        confidenceSet
        ?? ConfidenceSet(scores, level: level, replicates: replicates, generator: &generator)
      return set.members.min { a, b in (costs[a], -means[a], a) < (costs[b], -means[b], b) }
        ?? best(of: means, costs: costs)
    }
  }
}
