/// Standard errors of the differences between all pairs of settings, shape [settings, settings].
struct PairwiseErrors {
  private let count: Int
  private var plainErrors: [Double]
  private var smoothedErrors: [Double]

  /// Cost: discordant images × settings².
  init(_ scores: ScoreMatrix) {
    count = scores.settingCount
    plainErrors = Array(repeating: 0, count: count * count)
    smoothedErrors = plainErrors
    let rows = scores.discordantRows
    let n = Double(max(scores.imageCount, 1))
    for first in 0..<count {
      for second in 0..<first {
        var sum = 0.0
        var squares = 0.0
        var differing = 0.0
        for row in 0..<rows.imageCount {
          let difference = rows[row, first] - rows[row, second]
          sum += difference
          squares += difference * difference
          if difference != 0 { differing += 1 }
        }
        guard differing > 0 else { continue }
        let plain = max(0, squares - sum * sum / n).squareRoot() / n
        // One more differing image of average size: with only a handful of them the plain error is
        // overconfident (five to nothing is p = 1/32 by the exact test, which this reproduces; three to
        // nothing proves nothing).
        let smoothed = max(0, squares * (1 + 1 / differing) - sum * sum / n).squareRoot() / n
        for index in [first * count + second, second * count + first] {
          plainErrors[index] = plain
          smoothedErrors[index] = smoothed
        }
      }
    }
  }

  /// √(Σd² − (Σd)²/n)/n; 0 for two settings that never differ.
  func plain(_ first: Int, _ second: Int) -> Double { plainErrors[first * count + second] }

  /// The standard error with one more differing image of average size.
  func smoothed(_ first: Int, _ second: Int) -> Double { smoothedErrors[first * count + second] }
}
