import Evaluation
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

/// Bootstrap means of all settings: one resample of the images serves every setting, so that pairs stay
/// pairs.
///
/// Images are drawn with replacement (Efron 1979). Scores are taken relative to the image's mean over
/// settings, which changes no difference between settings; images on which all settings agree then contribute
/// nothing and are drawn but not summed, so the cost grows with the discordant images.
struct PairedBootstrap {
  let settingCount: Int
  let replicateCount: Int
  /// Deviation of each replicate's mean from the sample's, shape [replicates, settings].
  private let deviations: [Double]

  init(_ scores: ScoreMatrix, replicates: Int, generator: inout SeededGenerator) {
    let settings = scores.settingCount
    let rows = Self.centredDiscordantRows(scores)
    let rowCount = rows.count / settings
    let scale = 1 / Double(max(scores.imageCount, 1))
    var observed = [Double](repeating: 0, count: settings)
    for row in 0..<rowCount {
      for setting in 0..<settings { observed[setting] += rows[row * settings + setting] }
    }
    var deviations: [Double] = []
    deviations.reserveCapacity(replicates * settings)
    for _ in 0..<replicates {
      var sums = observed.map { -$0 }
      for _ in 0..<scores.imageCount {
        let row = generator.integer(below: scores.imageCount)
        guard row < rowCount else { continue }
        for setting in 0..<settings { sums[setting] += rows[row * settings + setting] }
      }
      deviations += sums.map { $0 * scale }
    }
    settingCount = settings
    replicateCount = replicates
    self.deviations = deviations
  }

  /// Deviation of `setting`'s mean in `replicate` from its mean in the sample, relative to all settings.
  subscript(replicate: Int, setting: Int) -> Double { deviations[replicate * settingCount + setting] }

  private static func centredDiscordantRows(_ scores: ScoreMatrix) -> [Double] {
    let discordant = scores.discordantRows
    var rows = discordant.values
    for image in 0..<discordant.imageCount {
      let range = image * discordant.settingCount..<(image + 1) * discordant.settingCount
      let mean = rows[range].reduce(0, +) / Double(discordant.settingCount)
      for index in range { rows[index] -= mean }
    }
    return rows
  }
}

/// Standard errors of the differences between all pairs of settings, shape [settings, settings].
struct PairwiseErrors {
  private let count: Int
  private var plainErrors: [Double]
  private var smoothedErrors: [Double]

  /// Cost: discordant images × settings².
  init(_ scores: ScoreMatrix) {
    count = scores.settingCount
    plainErrors = Array(repeating: 0, count: count * count)
    smoothedErrors = plainErrors
    let rows = scores.discordantRows
    let n = Double(max(scores.imageCount, 1))
    for first in 0..<count {
      for second in 0..<first {
        var sum = 0.0
        var squares = 0.0
        var differing = 0.0
        for row in 0..<rows.imageCount {
          let difference = rows[row, first] - rows[row, second]
          sum += difference
          squares += difference * difference
          if difference != 0 { differing += 1 }
        }
        guard differing > 0 else { continue }
        let plain = max(0, squares - sum * sum / n).squareRoot() / n
        // One more differing image of average size: with only a handful of them the plain error is
        // overconfident (five to nothing is p = 1/32 by the exact test, which this reproduces; three to
        // nothing proves nothing).
        let smoothed = max(0, squares * (1 + 1 / differing) - sum * sum / n).squareRoot() / n
        for index in [first * count + second, second * count + first] {
          plainErrors[index] = plain
          smoothedErrors[index] = smoothed
        }
      }
    }
  }

  /// √(Σd² − (Σd)²/n)/n; 0 for two settings that never differ.
  func plain(_ first: Int, _ second: Int) -> Double { plainErrors[first * count + second] }

  /// The standard error with one more differing image of average size.
  func smoothed(_ first: Int, _ second: Int) -> Double { smoothedErrors[first * count + second] }
}
