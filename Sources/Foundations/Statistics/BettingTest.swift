/// Evidence, valid at every moment, against "over the whole data set, the rival is not better than this setting".
///
/// Images come in random order from a data set of known size. A gambler who starts with 1 bets on the rival image by
/// image; if the hypothesis holds, no strategy gains on average, and the chance that the capital ever reaches 1/α is
/// at most α (Ville's inequality), however often one looks. With the rival's lead at S after t of n images, the
/// hypothesis bounds the mean of the remaining differences by −S/(n−t): a lead must be given back later, and betting
/// against that gains too (betting without replacement: Waudby-Smith and Ramdas 2024, "Estimating means of bounded
/// random variables by betting", section 5). The capital is the mean over a grid of fixed stakes, so that the best
/// stake need not be known beforehand. Float64.
package struct BettingTest: Sendable {
  private let imageCount: Int
  private var seen = 0
  private var lead = 0
  private var capitals: [Double]

  /// The best stake is the net share of the discordant images won. Rivals that win more than these reach are
  /// recognized within a few images by any of them.
  private static let stakes = (1...12).map { Double($0) / 20 }

  /// - Parameter imageCount: size of the whole data set.
  package init(imageCount: Int) {
    self.imageCount = imageCount
    capitals = Array(repeating: 1 / Double(Self.stakes.count), count: Self.stakes.count)
  }

  /// The gambler's capital; infinite once the remaining images cannot undo the rival's lead.
  package var capital: Double {
    lead > imageCount - seen ? .infinity : capitals.reduce(0, +)
  }

  /// Adds one image: 1 if only the rival was right on it, −1 if only this setting was, else 0.
  package mutating func observe(_ difference: Int) {
    precondition((-1...1).contains(difference) && seen < imageCount)
    if difference != 0 || lead != 0 {
      let drift = Double(lead) / Double(imageCount - seen)
      let payoff = Double(difference) + drift
      for (index, stake) in Self.stakes.enumerated() {
        // No stake may lose more than the capital, and the worst payoff is drift − 1.
        let bounded = drift < 0 ? min(stake, 0.95 / (1 - drift)) : stake
        capitals[index] *= 1 + bounded * payoff
      }
    }
    seen += 1
    lead += difference
  }
}
