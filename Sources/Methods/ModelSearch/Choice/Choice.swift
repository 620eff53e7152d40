import ResolutionSweep
import Statistics

/// The choice among finalists that have all seen the choosing images.
///
/// ```swift
/// let choice = try Choice(columns, costs: costs, plan: plan, level: 0.95, seed: 0)
/// print(choice.chosen, choice.indistinguishable, choice.optimism ?? 0)
/// ```
public struct Choice: Sendable, Equatable {
  /// The chosen finalist.
  public let chosen: Int
  /// Finalists that the choosing images cannot distinguish from the best: all of the comparisons hold at once (max-T).
  public let indistinguishable: [Int]
  /// Optimistic bias of the choice's accuracy on the choosing images, a fraction of 1; nil with a single image.
  public let optimism: Double?
  /// The finalist that counts for each place of the validation images: the chosen one, or with folds the choice that was made
  /// without the image.
  public let counted: [Int]

  /// Resamples that the confidence set is made of.
  private static let replicates = 1000

  /// - Parameters:
  ///   - columns: Correctness of the choosing images for every finalist.
  ///   - costs: Cost of each finalist: the cheapest of equals is taken, and of those the first.
  ///   - plan: Division of the images.
  ///   - level: Probability that the best finalist is among the indistinguishable ones.
  ///   - seed: Seed of the resampling.
  /// - Throws: `SweepError.tooFewImages`.
  public init(_ columns: [[Bool]], costs: [Double], plan: SearchPlan, level: Double, seed: UInt64) throws {
    precondition(columns.allSatisfy { $0.count == plan.selecting.count } && columns.count == costs.count)
    let scores = ScoreMatrix(columns: columns.map { $0.map { $0 ? 1 : 0 } })
    let rule = SelectionRule(preference: .accuracy, level: level, replicates: Self.replicates)
    // The division is the plan's: within the choosing images all choose, or parts of them in turn.
    let method: SelectionMethod = if case .folds = plan.method { plan.method } else { .none }
    let selection = try Selection(
      scores, costs: costs, method: method, isShuffled: true, rule: rule, seed: seed)
    chosen = selection.chosen
    indistinguishable = selection.confidenceSet.members
    optimism = selection.optimism
    if case .folds = plan.method {
      counted = selection.scoredSetting
    } else {
      counted = Array(repeating: selection.chosen, count: plan.imageCount)
    }
  }
}

/// The chosen model and the last checkpoint as it is, on images that had no part in the choice.
public struct Score: Sendable, Equatable {
  /// Name of the data set.
  public let dataset: String
  /// Accuracy of the chosen model.
  public let top1: Proportion
  /// Mean cross-entropy of the chosen model in nats.
  public let loss: Double
  /// Accuracy of the last checkpoint.
  public let last: Proportion
  /// The two compared image by image.
  public let comparison: PairedComparison
  /// True if the chosen model is the last checkpoint as it is, for every image.
  public let isLast: Bool
  /// Widening of the intervals of a score from folds; nil for a score of one model.
  public let spread: FoldSpread?

  /// 95 % interval of the accuracy of the chosen model.
  public var top1Interval: ClosedRange<Double> {
    top1.wilsonInterval(z: normalQuantile(0.975) * (spread?.score ?? 1))
  }

  /// 95 % interval of the gain over the last checkpoint; nothing but 0 if that is the chosen model.
  public var gainInterval: ClosedRange<Double> {
    isLast ? 0...0 : comparison.interval(widening: spread?.difference ?? 1)
  }

  /// McNemar's two-sided mid-p value of the gain; nil for a score from folds, whose images are not independent.
  public var midP: Double? { spread == nil ? comparison.mcNemarMidP : nil }

  /// True if the images show that the chosen model is better than the last checkpoint.
  public var isBetter: Bool { spread == nil ? comparison.isBetter() : gainInterval.lowerBound > 0 }

  /// A score with everything given.
  public init(
    dataset: String, top1: Proportion, loss: Double, last: Proportion, comparison: PairedComparison,
    isLast: Bool, spread: FoldSpread? = nil
  ) {
    self.spread = spread
    self.isLast = isLast
    self.dataset = dataset
    self.top1 = top1
    self.loss = loss
    self.last = last
    self.comparison = comparison
  }
}

/// Answer of a search.
public enum Answer: String, Sendable {
  /// The chosen model is better than the last checkpoint: chance gives such a gain in less than 2.5 % of searches.
  case better
  /// Another model than the last checkpoint is chosen, but the images that score it do not show that it is better.
  case notShown = "not-shown"
  /// The last checkpoint as it is.
  case last
}
