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
  /// For every setting, an interval of its distance to the best, in score units.
  ///
  /// With probability `level` all of them hold at once: each is made of the differences of a pair of settings,
  /// whose two-sided intervals share one critical value, the quantile of the largest studentized difference of
  /// all pairs (Hsu 1981, "Simultaneous confidence intervals for all distances from the best", with the max-T
  /// bootstrap in place of tables).
  public let deficits: [ClosedRange<Double>]
  /// Critical value of every setting's own test.
  private let criticalValues: [Double]
  private let errors: PairwiseErrors

  /// - Parameters:
  ///   - scores: paired scores, higher is better.
  ///   - level: probability that the best setting is in the set, and that all distances hold, in (0, 1).
  ///   - replicates: bootstrap resamples; 2000 determine the 95 % quantile to about 0.05 standard errors.
  ///   - generator: source of the resampling.
  public init(
    _ scores: ScoreMatrix, level: Double = 0.95, replicates: Int = 2000, generator: inout SeededGenerator
  ) {
    let count = scores.settingCount
    let means = scores.means
    let errors = PairwiseErrors(scores)
    let bootstrap = PairedBootstrap(scores, replicates: replicates, generator: &generator)
    // Resampling a few images varies too little to be trusted below the value for one normal rival.
    let floor = normalQuantile(level)
    var criticalValues: [Double] = []
    var largest = [Double](repeating: 0, count: replicates)
    var largestOfAll = largest
    for setting in 0..<count {
      let varying = (0..<count).map { (rival: $0, error: errors.plain($0, setting)) }.filter { $0.error > 0 }
      for replicate in 0..<replicates {
        let own = bootstrap[replicate, setting]
        largest[replicate] = varying.reduce(0.0) { worst, other in
          max(worst, (bootstrap[replicate, other.rival] - own) / other.error)
        }
        // Every pair comes up twice, with either sign.
        largestOfAll[replicate] = max(largestOfAll[replicate], largest[replicate])
      }
      criticalValues.append(max(Self.quantile(&largest, level), floor))
    }
    let joint = max(Self.quantile(&largestOfAll, level), normalQuantile((1 + level) / 2))
    self.criticalValues = criticalValues
    self.errors = errors
    members = Self.members(means, errors, criticalValues, share: 1)
    deficits = (0..<count).map { setting in
      var (lower, upper) = (0.0, 0.0)
      for rival in 0..<count where rival != setting {
        let gap = means[rival] - means[setting]
        let reach = joint * errors.smoothed(rival, setting)
        (lower, upper) = (max(lower, gap - reach), max(upper, gap + reach))
      }
      return lower...upper
    }
  }

  /// The members as some of the images would show them, with the critical values and the spread of all.
  ///
  /// - Parameters:
  ///   - means: mean scores of all settings on those images.
  ///   - share: share of the images that those are, above 0.
  func members(means: [Double], share: Double) -> [Int] {
    Self.members(means, errors, criticalValues, share: share)
  }

  private static func members(
    _ means: [Double], _ errors: PairwiseErrors, _ criticalValues: [Double], share: Double
  ) -> [Int] {
    means.indices.filter { setting in
      !means.indices.contains { rival in
        let gap = means[rival] - means[setting]
        return gap > 0 && gap > criticalValues[setting] * errors.smoothed(rival, setting, share: share)
      }
    }
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

/// Standard errors of the differences between all pairs of settings.
struct PairwiseErrors: Equatable {
  /// Sums over the images of the differences d of one pair's scores.
  private struct Sums: Equatable {
    var sum = 0.0
    var squares = 0.0
    /// Number of images on which the two differ.
    var differing = 0.0
  }

  private let count: Int
  private let imageCount: Double
  private var sums: [Sums]
  /// Mean square of the differences that are not 0, over all pairs.
  private let usualSquare: Double

  /// Cost: discordant images × settings².
  init(_ scores: ScoreMatrix) {
    count = scores.settingCount
    imageCount = Double(max(scores.imageCount, 1))
    sums = Array(repeating: Sums(), count: count * count)
    let rows = scores.discordantRows
    var all = Sums()
    for first in 0..<count {
      for second in 0..<first {
        var pair = Sums()
        for row in 0..<rows.imageCount {
          let difference = rows[row, first] - rows[row, second]
          pair.sum += difference
          pair.squares += difference * difference
          if difference != 0 { pair.differing += 1 }
        }
        all.squares += pair.squares
        all.differing += pair.differing
        sums[first * count + second] = pair
        sums[second * count + first] = pair
      }
    }
    usualSquare = all.differing > 0 ? all.squares / all.differing : 0
  }

  /// √(Σd² − (Σd)²/n)/n; 0 for two settings that never differ.
  func plain(_ first: Int, _ second: Int) -> Double {
    let pair = sums[first * count + second]
    return max(0, pair.squares - pair.sum * pair.sum / imageCount).squareRoot() / imageCount
  }

  /// The standard error with one more differing image of usual size, as `share` of the images would give it.
  ///
  /// With only a handful of differing images the plain error is overconfident (five to nothing is p = 1/32 by the
  /// exact test, which this reproduces; three to nothing proves nothing), and images on which two settings agree do
  /// not prove that they agree on all.
  func smoothed(_ first: Int, _ second: Int, share: Double = 1) -> Double {
    let pair = sums[first * count + second]
    let one = pair.differing > 0 ? pair.squares / pair.differing : usualSquare
    let variance = share * max(0, pair.squares - pair.sum * pair.sum / imageCount) + one
    return variance.squareRoot() / (share * imageCount)
  }
}
