import Statistics

/// How much wider the intervals of a score from folds are than those of one setting on as many images.
///
/// The settings that the folds choose follow from overlapping images: a setting that is lucky on two parts is chosen for
/// each of them by its luck on the other, so that the parts' scores go together, and intervals for independent images hold too
/// rarely (Y. Bengio, Y. Grandvalet, "No Unbiased Estimator of the Variance of K-Fold Cross-Validation", Journal of Machine
/// Learning Research 5, 2004). How much so is found where it is worst, with settings that are all equally good: sums over runs
/// of images, less their expectation, are multiplied by random normal numbers (the multiplier bootstrap), the folds choose by
/// these, and the quantile of their studentized score is compared with the normal one.
///
/// ```swift
/// let spread = FoldSpread(scores, folds: 5, costs: costs, reference: 0, seed: 0)
/// let interval = proportion.wilsonInterval(z: 1.96 * spread.score)
/// ```
public struct FoldSpread: Sendable, Equatable {
  /// Factor for the half-width of a 95 % interval of the mean score, at least 1.
  public let score: Double
  /// The same for the mean difference to the reference, where another setting is chosen.
  public let difference: Double

  /// The spread of one setting on independent images.
  public static let none = FoldSpread(score: 1, difference: 1)

  private init(score: Double, difference: Double) {
    self.score = score
    self.difference = difference
  }

  /// Upper limit on the runs of a fold, each of which has one random number. More would hardly change a quantile.
  private static let mostRuns = 100

  /// - Parameters:
  ///   - scores: Scores of all settings, images in the random order that the folds are runs of.
  ///   - folds: Number of folds, from 2 to the number of images.
  ///   - costs: Cost of each setting: the cheapest of equals is taken.
  ///   - reference: The setting that differences are taken to.
  ///   - replicates: Number of random draws.
  ///   - seed: Seed of the random numbers.
  public init(
    _ scores: ScoreMatrix, folds: Int, costs: [Double], reference: Int, replicates: Int = 2000, seed: UInt64
  ) {
    let (count, settings) = (scores.imageCount, scores.settingCount)
    precondition((2...max(2, count)).contains(folds) && costs.count == settings)
    let means = scores.means
    // Of every run of images in every fold: the settings' sums less what they are expected to be.
    let runs: [[[Double]]] = (0..<folds).map { fold in
      let (start, end) = (fold * count / folds, (fold + 1) * count / folds)
      let number = min(end - start, Self.mostRuns)
      return (0..<number).map { run in
        let images = start + run * (end - start) / number..<start + (run + 1) * (end - start) / number
        return (0..<settings).map { setting in
          images.reduce(0.0) { $0 + scores[$1, setting] } - Double(images.count) * means[setting]
        }
      }
    }
    /// Variances of a fold's sums, and of their differences to the reference.
    let variances = runs.map { runs in
      (0..<settings).map { setting in
        runs.reduce(into: (score: 0.0, difference: 0.0)) { sums, run in
          sums.score += run[setting] * run[setting]
          let difference = run[setting] - run[reference]
          sums.difference += difference * difference
        }
      }
    }
    var generator = SeededGenerator(seed: seed, for: "spread of folds")
    var ofScore: [Double] = []
    var ofDifference: [Double] = []
    for _ in 0..<replicates {
      let sums = runs.map { runs in
        runs.reduce(into: [Double](repeating: 0, count: settings)) { sums, run in
          let factor = generator.normal()
          for setting in 0..<settings { sums[setting] += factor * run[setting] }
        }
      }
      let total = (0..<settings).map { setting in sums.reduce(0.0) { $0 + $1[setting] } }
      var score = (sum: 0.0, variance: 0.0)
      var difference = score
      for fold in 0..<folds {
        let chosen = best(of: zip(total, sums[fold]).map { $0 - $1 }, costs: costs)
        score.sum += sums[fold][chosen]
        score.variance += variances[fold][chosen].score
        difference.sum += sums[fold][chosen] - sums[fold][reference]
        difference.variance += variances[fold][chosen].difference
      }
      if score.variance > 0 { ofScore.append(score.sum / score.variance.squareRoot()) }
      if difference.variance > 0 { ofDifference.append(difference.sum / difference.variance.squareRoot()) }
    }
    self.init(score: Self.factor(ofScore), difference: Self.factor(ofDifference))
  }

  /// The larger of the quantiles that a two-sided interval and a claim of a gain go by, over the normal one.
  private static func factor(_ values: [Double]) -> Double {
    func quantile(_ values: [Double], _ level: Double) -> Double {
      let rank = Int((level * Double(values.count + 1)).rounded(.up))
      return values.isEmpty ? 0 : values.sorted()[min(max(rank, 1), values.count) - 1]
    }
    return max(1, max(quantile(values.map(abs), 0.95), quantile(values, 0.975)) / normalQuantile(0.975))
  }
}
