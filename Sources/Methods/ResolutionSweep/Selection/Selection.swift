import Evaluation
import Statistics

/// Metric that settings are compared by, oriented so that higher is better.
public enum Metric: String, CaseIterable, Sendable {
  /// Share of images whose label has the highest logit.
  case top1
  /// Share of images whose label is among the five highest logits.
  case top5
  /// Negated mean cross-entropy in nats.
  case loss
  /// Mean over the classes of the share of their images that are right.
  case balanced
  /// Mean over the classes of the harmonic mean of recall and precision.
  case macroF1 = "macro-f1"
  /// Negated mean Brier score.
  case brier

  /// The score of every image, whose mean is the metric: 1 or 0, the negated cross-entropy in nats or Brier score, or
  /// the image's part in a mean over classes.
  package func scores(_ outcomes: SettingOutcomes) -> [Double] {
    switch self {
    case .top1: outcomes.correct(top: 1).map { $0 ? 1 : 0 }
    case .top5: outcomes.correct(top: 5).map { $0 ? 1 : 0 }
    case .loss: outcomes.losses.map(-)
    case .balanced: ClassTally(outcomes).balancedScores(outcomes)
    case .macroF1: ClassTally(outcomes).macroF1Scores(outcomes)
    case .brier: outcomes.brierScores.map(-)
    }
  }

  /// The scores of several settings that have seen the same images.
  public func matrix(_ outcomes: [SettingOutcomes]) -> ScoreMatrix {
    ScoreMatrix(columns: outcomes.map(scores))
  }
}

/// Division of the images into those that choose the setting and those that score it.
public enum SelectionMethod: Sendable, Equatable {
  /// All images choose, and the same images score: the score is too high by the optimism.
  case none
  /// One random half chooses, the other half scores.
  case half
  /// All images choose; the score is that of choosing on `k` − 1 parts and scoring on the remaining one, each
  /// in turn (nested cross-validation: Varma and Simon 2006, "Bias in error estimation when using
  /// cross-validation").
  case folds(Int)

  /// Parses `none`, `half` or `kfold:K` with K from 2.
  public init?(_ text: some StringProtocol) {
    switch text {
    case "none": self = .none
    case "half": self = .half
    default:
      guard text.hasPrefix("kfold:"), let folds = Int(text.dropFirst(6)), (2...1_000_000).contains(folds)
      else { return nil }
      self = .folds(folds)
    }
  }

  /// The text that parses to this method.
  public var name: String {
    switch self {
    case .none: "none"
    case .half: "half"
    case .folds(let count): "kfold:\(count)"
    }
  }
}

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
    guard preference == .cheap else { return best(of: scores.means, costs: costs) }
    let set =
      confidenceSet ?? ConfidenceSet(scores, level: level, replicates: replicates, generator: &generator)
    return choose(means: scores.means, costs: costs, set: set, share: 1)
  }

  /// The setting that some of the images would choose.
  ///
  /// - Parameters:
  ///   - means: mean scores of all settings on those images.
  ///   - costs: cost of each setting in any unit.
  ///   - set: the confidence set for all images.
  ///   - share: share of the images that those are, above 0.
  func choose(means: [Double], costs: [Double], set: ConfidenceSet, share: Double) -> Int {
    guard preference == .cheap else { return best(of: means, costs: costs) }
    return set.members(means: means, share: share).min { a, b in
      (costs[a], -means[a], a) < (costs[b], -means[b], b)
    } ?? best(of: means, costs: costs)
  }
}

/// A chosen setting, the evidence for the choice, and its score on images that had no part in it.
public struct Selection: Sendable, Equatable {
  /// Division of the images into choosing and scoring ones.
  public let method: SelectionMethod
  /// Index of the chosen setting.
  public let chosen: Int
  /// Positions of the choosing images.
  public let selectingImages: [Int]
  /// Positions of the scoring images; with `.none` and `.folds`, all of them.
  public let scoringImages: [Int]
  /// The setting that counts for each scoring image: `chosen`, or with folds the choice made without that
  /// image.
  public let scoredSetting: [Int]
  /// Settings that the choosing images cannot distinguish from the best.
  public let confidenceSet: ConfidenceSet
  /// Optimistic bias of the choice's mean score on the choosing images, in score units; nil with a single image.
  public let optimism: Double?
  /// The same for each of the other scores that are shown of the choice.
  public let shownOptimism: [Double]?

  /// Chooses a setting.
  ///
  /// - Parameters:
  ///   - scores: paired scores of all settings on all images, higher is better.
  ///   - shown: other scores of the same settings on the same images that are shown of the choice.
  ///   - costs: cost of each setting, in any unit.
  ///   - method: division of the images into choosing and scoring ones.
  ///   - isShuffled: true if the images are already in random order, as in a race; parts are then runs of
  ///     them.
  ///   - rule: rule for the choice.
  ///   - seed: seed of all random draws.
  /// - Throws: `SweepError.tooFewImages` when a part would be empty.
  public init(
    _ scores: ScoreMatrix, shown: [ScoreMatrix] = [], costs: [Double], method: SelectionMethod,
    isShuffled: Bool = false, rule: SelectionRule, seed: UInt64
  ) throws {
    let count = scores.imageCount
    let needed = method.partCount
    guard count >= needed else { throw SweepError.tooFewImages(count: count, needed: needed) }
    var generator = SeededGenerator(seed: seed, for: "selection")
    let parts = method.parts(count: count, isShuffled: isShuffled, generator: &generator)
    let selecting = method == .half ? parts[0] : Array(0..<count)
    let selectingScores = scores.rows(selecting)
    let set = ConfidenceSet(
      selectingScores, level: rule.level, replicates: rule.replicates, generator: &generator)
    let chosen = rule.choose(selectingScores, costs: costs, confidenceSet: set, generator: &generator)
    let scoring = method == .half ? parts[1] : selecting
    var scored = [Int](repeating: chosen, count: scoring.count)
    if case .folds = method {
      for part in parts {
        let heldOut = Set(part)
        let rest = scores.rows(selecting.filter { !heldOut.contains($0) })
        let choice = rule.choose(rest, costs: costs, generator: &generator)
        for image in part { scored[image] = choice }
      }
    }
    self.method = method
    self.chosen = chosen
    selectingImages = selecting
    scoringImages = scoring
    scoredSetting = scored
    confidenceSet = set
    let optimism = selectionOptimism(
      of: rule, by: selectingScores, shown: [selectingScores] + shown.map { $0.rows(selecting) },
      costs: costs,
      set: set, generator: &generator)
    self.optimism = optimism?[0]
    shownOptimism = optimism.map { Array($0.dropFirst()) }
  }

  /// Mean of `scores` over the scoring images, each under the setting that counts for it.
  public func score(_ scores: ScoreMatrix) -> Double {
    let sum = zip(scoringImages, scoredSetting).reduce(0.0) { $0 + scores[$1.0, $1.1] }
    return sum / Double(max(scoringImages.count, 1))
  }
}

extension SelectionMethod {
  /// Number of choosing images, of `count` in all.
  public func selectingCount(of count: Int) -> Int { self == .half ? count / 2 : count }

  /// Number of random parts that the images are divided into; also the smallest possible number of images.
  var partCount: Int {
    switch self {
    case .none: 1
    case .half: 2
    case .folds(let count): count
    }
  }

  /// Divides `0..<count` at random into parts whose sizes differ by at most one, each ascending.
  func parts(count: Int, isShuffled: Bool, generator: inout SeededGenerator) -> [[Int]] {
    let order = isShuffled ? Array(0..<count) : generator.permutation(count)
    return (0..<partCount).map { part in
      order[part * count / partCount..<(part + 1) * count / partCount].sorted()
    }
  }
}

/// Preference among several good settings.
public enum Preference: String, CaseIterable, Sendable {
  /// The most accurate; ties go to the cheaper.
  case accuracy
  /// The cheapest that is indistinguishable from the most accurate; ties go to the more accurate.
  case cheap
}
