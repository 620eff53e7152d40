import Statistics

/// Optimistic bias of the scores that the chosen setting has on the images that chose it: it is partly chosen for
/// its luck on them.
///
/// Random halves of the images choose by the same rule, and each choice is scored on its own half and on the other,
/// where it has no luck. Luck grows with the square root of the number of choosing images falling, so that the
/// excess of the one score over the other, times √½, is the bias with all images: exactly so for settings that are
/// equally good, for a clear winner, whose excess is 0, and in between nearly. The bias belongs to the rule (a cheap
/// setting that is not the most accurate owes little to luck) and to the score shown (a setting that is chosen for
/// its loss is lucky in its accuracy only as far as the two go together).
///
/// - Parameters:
///   - rule: rule that chooses.
///   - scores: paired scores that the rule goes by, higher is better.
///   - shown: scores whose bias is wanted, of the same settings and images, higher is better.
///   - costs: cost of each setting, in any unit.
///   - set: the confidence set for `scores`.
///   - repeats: random divisions into halves, each of which is used both ways.
///   - generator: draws the halves.
/// - Returns: the bias of each of `shown` in its units, never negative; zeros with fewer than two settings, nil with
///   fewer than two images, which have no halves.
public func selectionOptimism(
  of rule: SelectionRule, by scores: ScoreMatrix, shown: [ScoreMatrix], costs: [Double], set: ConfidenceSet,
  repeats: Int = 200, generator: inout SeededGenerator
) -> [Double]? {
  let count = scores.imageCount
  guard scores.settingCount > 1 else { return shown.map { _ in 0 } }
  guard count > 1 else { return nil }
  let matrices = [scores] + shown
  let totals = matrices.map { $0.sums(over: 0..<count) }
  var excess = [Double](repeating: 0, count: shown.count)
  for _ in 0..<repeats {
    let half = generator.permutation(count).prefix(count / 2)
    let first = matrices.map { $0.sums(over: half) }
    let second = zip(totals, first).map { zip($0, $1).map(-) }
    for (own, other, size) in [(first, second, half.count), (second, first, count - half.count)] {
      let share = Double(size) / Double(count)
      let chosen = rule.choose(
        means: own[0].map { $0 / Double(size) }, costs: costs, set: set, share: share)
      for index in shown.indices {
        // Images that are easy for all settings are no luck of the chosen one.
        let gap =
          own[index + 1].lead(of: chosen) / Double(size)
          - other[index + 1].lead(of: chosen) / Double(count - size)
        excess[index] += share.squareRoot() * gap
      }
    }
  }
  return excess.map { max(0, $0 / Double(2 * repeats)) }
}

extension ScoreMatrix {
  /// Sum of the scores of every setting over the given images.
  fileprivate func sums(over images: some Sequence<Int>) -> [Double] {
    var sums = [Double](repeating: 0, count: settingCount)
    for image in images {
      for setting in 0..<settingCount { sums[setting] += self[image, setting] }
    }
    return sums
  }
}

extension [Double] {
  /// The value at `index` less the mean of all.
  fileprivate func lead(of index: Int) -> Double { self[index] - reduce(0, +) / Double(count) }
}
