import Statistics

/// The settings that are statistically indistinguishable from the best one.
///
/// A setting stays unless some other one is better by more than resampling explains. For each setting `i` the
/// paired differences of all others to it are studentized, and the largest is compared with the bootstrap
/// distribution of the largest (the max-T principle: Romano and Wolf 2005, "Exact and approximate stepdown
/// methods for multiple hypothesis testing"). The truly best setting is excluded only if its own test errs,
/// so it is in the set with probability `level`, whatever the others are; no correction over `i` is needed.
public struct ConfidenceSet: Sendable, Equatable {
  /// Indices of the members, ascending; never empty when there is an image.
  public let members: [Int]
  /// For every setting, an interval of its distance to the best (simultaneous over its rivals), in score
  /// units.
  public let deficits: [ClosedRange<Double>]

  /// - Parameters:
  ///   - scores: paired scores, higher is better.
  ///   - level: probability that the best setting is in the set, in (0, 1).
  ///   - replicates: bootstrap resamples; 2000 determine the 95 % quantile to about 0.05 standard errors.
  ///   - generator: source of the resampling.
  public init(
    _ scores: ScoreMatrix, level: Double = 0.95, replicates: Int = 2000, generator: inout SeededGenerator
  ) {
    let count = scores.settingCount
    let means = scores.means
    let errors = PairwiseErrors(scores)
    let bootstrap = PairedBootstrap(scores, replicates: replicates, generator: &generator)
    let floor = normalQuantile(level)
    var members: [Int] = []
    var deficits: [ClosedRange<Double>] = []
    var largest = [Double](repeating: 0, count: replicates)
    for setting in 0..<count {
      let rivals = (0..<count).filter { $0 != setting && errors.smoothed($0, setting) > 0 }
      let varying = rivals.filter { errors.plain($0, setting) > 0 }
      for replicate in 0..<replicates {
        let own = bootstrap[replicate, setting]
        largest[replicate] = varying.reduce(0.0) { worst, rival in
          max(worst, (bootstrap[replicate, rival] - own) / errors.plain(rival, setting))
        }
      }
      // Resampling a few images varies too little to be trusted below the value for one normal rival.
      let critical = max(Self.quantile(&largest, level), floor)
      var lower = 0.0
      var upper = 0.0
      for rival in rivals {
        let gap = means[rival] - means[setting]
        lower = max(lower, gap - critical * errors.smoothed(rival, setting))
        upper = max(upper, gap + critical * errors.smoothed(rival, setting))
      }
      if lower == 0 { members.append(setting) }
      deficits.append(lower...upper)
    }
    self.members = members
    self.deficits = deficits
  }

  /// The smallest value that at least `level` of the values (with one more at infinity) do not exceed.
  private static func quantile(_ values: inout [Double], _ level: Double) -> Double {
    values.sort()
    let rank = Int((level * Double(values.count + 1)).rounded(.up))
    return rank <= values.count ? values[max(rank, 1) - 1] : .infinity
  }
}
