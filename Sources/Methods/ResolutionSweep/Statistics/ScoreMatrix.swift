import Statistics

/// Scores of every setting on every image; higher is better.
///
/// All settings saw the same images and are compared in pairs: the difficulty of an image cancels in the
/// difference.
public struct ScoreMatrix: Sendable, Equatable {
  /// Number of settings, at least 1.
  public let settingCount: Int
  /// Number of images.
  public let imageCount: Int
  /// Image-major: the scores of all settings on one image are adjacent.
  let values: [Double]

  /// - Parameters:
  ///   - values: scores, shape [images, settings].
  ///   - settingCount: number of settings, at least 1; divides the number of values.
  public init(values: [Double], settingCount: Int) {
    precondition(settingCount > 0 && values.count.isMultiple(of: settingCount))
    self.values = values
    self.settingCount = settingCount
    imageCount = values.count / settingCount
  }

  /// A matrix from one column per setting, all of the same length.
  public init(columns: [[Double]]) {
    let images = columns.first?.count ?? 0
    precondition(columns.allSatisfy { $0.count == images })
    var values: [Double] = []
    values.reserveCapacity(images * columns.count)
    for image in 0..<images {
      for column in columns { values.append(column[image]) }
    }
    self.init(values: values, settingCount: columns.count)
  }

  /// The score of `setting` on `image`.
  public subscript(image: Int, setting: Int) -> Double { values[image * settingCount + setting] }

  /// Mean score of every setting, float64 sums in the order of the images; zeros without images.
  public var means: [Double] {
    var sums = [Double](repeating: 0, count: settingCount)
    for image in 0..<imageCount {
      for setting in 0..<settingCount { sums[setting] += self[image, setting] }
    }
    return sums.map { $0 / Double(max(imageCount, 1)) }
  }

  /// The rows of the given images, in that order.
  public func rows(_ images: some Sequence<Int>) -> ScoreMatrix {
    var chosen: [Double] = []
    for image in images {
      chosen += values[image * settingCount..<(image + 1) * settingCount]
    }
    return ScoreMatrix(values: chosen, settingCount: settingCount)
  }

  /// The rows on which the settings' scores differ: only these affect differences.
  var discordantRows: ScoreMatrix {
    rows(
      (0..<imageCount).filter { image in
        (1..<settingCount).contains { self[image, $0] != self[image, 0] }
      })
  }
}

/// Optimistic bias of the best of several measured accuracies: the winner is partly chosen for its luck.
///
/// Random halves of the images choose their winner, which the other half scores; the optimism is the best
/// score of all images minus the mean of those. With a clear winner the estimate is somewhat too large,
/// because half of the images choose less reliably than all; more parts would correct that, but triple the
/// scatter.
///
/// - Parameters:
///   - scores: paired scores, higher is better.
///   - costs: cost of each setting, which breaks ties.
///   - repeats: random divisions into halves, each of which is used both ways.
///   - generator: draws the halves.
/// - Returns: the optimism in score units, never negative; 0 with fewer than two settings, nil with fewer
///   than two images, which have no halves.
public func selectionOptimism(
  _ scores: ScoreMatrix, costs: [Double], repeats: Int = 200, generator: inout SeededGenerator
) -> Double? {
  let count = scores.imageCount
  let settings = scores.settingCount
  guard settings > 1 else { return 0 }
  guard count > 1 else { return nil }
  let totals = scores.means.map { $0 * Double(count) }
  var outside = 0.0
  for _ in 0..<repeats {
    var chosen = [Double](repeating: 0, count: settings)
    for image in generator.permutation(count).prefix(count / 2) {
      for setting in 0..<settings { chosen[setting] += scores[image, setting] }
    }
    let unchosen = zip(totals, chosen).map(-)
    let half = Double(count / 2)
    outside += unchosen[best(of: chosen, costs: costs)] / (Double(count) - half)
    outside += chosen[best(of: unchosen, costs: costs)] / half
  }
  return max(0, totals.max()! / Double(count) - outside / Double(2 * repeats))
}

/// The index of the highest score; ties go to the cheaper, then to the earlier one.
func best(of scores: [Double], costs: [Double]) -> Int {
  scores.indices.min { a, b in
    (-scores[a], costs[a], a) < (-scores[b], costs[b], b)
  }!
}
