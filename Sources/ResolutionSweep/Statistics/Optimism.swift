import TensorMath

/// How much the best of several measured accuracies flatters: the winner is partly chosen for its luck.
///
/// Nested cross-validation, repeated: the images are divided into ten parts, nine of which choose the winner that the
/// tenth scores; the optimism is the best score of the whole less the mean of those (Varma and Simon 2006, "Bias in
/// error estimation when using cross-validation for model selection").
///
/// - Parameters:
///   - scores: paired scores, higher is better.
///   - costs: cost of each setting, which breaks ties.
///   - repeats: random divisions into parts.
/// - Returns: the optimism in score units, never negative; 0 with fewer than two images or settings.
public func selectionOptimism(
  _ scores: ScoreMatrix, costs: [Double], repeats: Int = 40, generator: inout SeededGenerator
) -> Double {
  let count = scores.imageCount
  let settings = scores.settingCount
  guard count > 1, settings > 1 else { return 0 }
  let parts = min(10, count)
  let totals = scores.means.map { $0 * Double(count) }
  var outside = 0.0
  for _ in 0..<repeats {
    let order = generator.permutation(count)
    for part in 0..<parts {
      var held = [Double](repeating: 0, count: settings)
      for image in order[part * count / parts..<(part + 1) * count / parts] {
        for setting in 0..<settings { held[setting] += scores[image, setting] }
      }
      outside += held[best(of: zip(totals, held).map(-), costs: costs)]
    }
  }
  return max(0, totals.max()! - outside / Double(repeats)) / Double(count)
}

/// The index of the highest score; ties go to the cheaper, then to the earlier one.
func best(of scores: [Double], costs: [Double]) -> Int {
  scores.indices.min { a, b in
    (-scores[a], costs[a], a) < (-scores[b], costs[b], b)
  }!
}
