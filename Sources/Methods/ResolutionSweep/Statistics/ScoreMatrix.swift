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

/// The index of the highest score; ties go to the cheaper, then to the earlier one.
func best(of scores: [Double], costs: [Double]) -> Int {
  scores.indices.min { a, b in
    (-scores[a], costs[a], a) < (-scores[b], costs[b], b)
  }!
}
