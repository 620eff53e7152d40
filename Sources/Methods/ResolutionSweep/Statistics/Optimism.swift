import Statistics

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
    let held = zip(totals, chosen).map(-)
    let half = Double(count / 2)
    outside += held[best(of: chosen, costs: costs)] / (Double(count) - half)
    outside += chosen[best(of: held, costs: costs)] / half
  }
  return max(0, totals.max()! / Double(count) - outside / Double(2 * repeats))
}

/// The index of the highest score; ties go to the cheaper, then to the earlier one.
func best(of scores: [Double], costs: [Double]) -> Int {
  scores.indices.min { a, b in
    (-scores[a], costs[a], a) < (-scores[b], costs[b], b)
  }!
}
