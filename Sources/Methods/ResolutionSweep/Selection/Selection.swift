import Statistics

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
  /// Optimistic bias of the choosing images' best mean score, in score units; nil with a single image.
  public let optimism: Double?

  /// Chooses a setting.
  ///
  /// - Parameters:
  ///   - scores: paired scores of all settings on all images, higher is better.
  ///   - costs: cost of each setting, in any unit.
  ///   - method: division of the images into choosing and scoring ones.
  ///   - isShuffled: true if the images are already in random order, as in a race; parts are then runs of
  ///     them.
  ///   - rule: rule for the choice.
  ///   - seed: seed of all random draws.
  /// - Throws: `SweepError.tooFewImages` when a part would be empty.
  public init(
    _ scores: ScoreMatrix, costs: [Double], method: SelectionMethod, isShuffled: Bool = false,
    rule: SelectionRule, seed: UInt64
  ) throws {
    let count = scores.imageCount
    let needed = method.partCount
    guard count >= needed else { throw SweepError.tooFewImages(count: count, needed: needed) }
    var generator = SeededGenerator(seed: seed)
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
        let held = Set(part)
        let rest = scores.rows(selecting.filter { !held.contains($0) })
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
    optimism = selectionOptimism(selectingScores, costs: costs, generator: &generator)
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
