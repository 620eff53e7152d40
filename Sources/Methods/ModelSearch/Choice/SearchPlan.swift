import ResolutionSweep
import Statistics

/// Division of the validation images into those that choose and those that score, and the rounds of the race.
///
/// Places count in a random order that the seed gives. The first half chooses, the second scores; with folds, or with a test
/// set in place of a half, all images choose.
///
/// ```swift
/// let plan = try SearchPlan(imageCount: 450, method: .half, statisticsImages: 1024)
/// print(plan.selecting.count, plan.scoring.count, plan.rounds.map(\.images.count))
/// ```
public struct SearchPlan: Sendable, Equatable {
  /// One round: a block of images, and the number of images that BatchNorm statistics are made of in it.
  public struct Round: Sendable, Equatable {
    /// Places of the images.
    public let images: Range<Int>
    /// Images that the statistics are made of.
    public let statisticsImages: Int
  }

  /// Division of the images.
  public let method: SelectionMethod
  /// Number of validation images.
  public let imageCount: Int
  /// Places of the images that choose.
  public let selecting: Range<Int>
  /// Places of the images that score the choice; all with folds, none with `.none`.
  public let scoring: Range<Int>
  /// The rounds of the race, on the first of the choosing images; none with folds. Whoever is left is then measured on all
  /// choosing images with the final statistics.
  public let rounds: [Round]
  /// Images that the statistics of everything that may be chosen are made of.
  public let statisticsImages: Int

  /// Images of the first round, and of those that statistics are made of in it; both double from round to round.
  private static let firstImages = 64
  private static let firstStatisticsImages = 64

  /// - Parameters:
  ///   - imageCount: Number of validation images.
  ///   - method: Division of them.
  ///   - statisticsImages: Images for the final statistics; 0 for networks without.
  /// - Throws: `SearchError.tooFewImages`.
  public init(imageCount: Int, method: SelectionMethod, statisticsImages: Int) throws(SearchError) {
    let needed =
      switch method {
      case .none: 1
      case .half: 2
      case .folds(let count): count
      }
    guard imageCount >= needed else { throw .tooFewImages(count: imageCount, needed: needed) }
    self.method = method
    self.imageCount = imageCount
    self.statisticsImages = statisticsImages
    selecting = 0..<method.selectingCount(of: imageCount)
    scoring =
      switch method {
      case .none: 0..<0
      case .half: selecting.upperBound..<imageCount
      case .folds: 0..<imageCount
      }
    rounds = Self.rounds(selecting.upperBound, method: method, statisticsImages: statisticsImages)
  }

  private static func rounds(_ imageCount: Int, method: SelectionMethod, statisticsImages: Int) -> [Round] {
    // Folds choose again and again without one of them, so that no image may have dropped anything for all.
    if case .folds = method { return [] }
    var rounds: [Round] = []
    var (start, end, statistics) = (0, firstImages, firstStatisticsImages)
    // What is left over is for the finalists.
    while imageCount - end >= firstImages / 2 {
      rounds.append(Round(images: start..<end, statisticsImages: min(statistics, statisticsImages)))
      (start, end, statistics) = (end, 2 * end, 2 * statistics)
    }
    return rounds
  }

  /// The order in which a search visits the images of a data set.
  public static func order(imageCount: Int, seed: UInt64) -> [Int] {
    var generator = SeededGenerator(seed: seed, for: "order of a search")
    return generator.permutation(imageCount)
  }
}
