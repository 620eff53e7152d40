import Platform

/// Two classifiers, or two ways to run one, compared on the same images by which of them got each image right.
///
/// Only discordant images (one right, the other wrong) bear on the difference, which is why a pair is compared far
/// more sharply than two separate accuracies would be.
public struct PairedComparison: Sendable, Equatable {
  /// Images that only the first got right.
  public let firstOnly: Int
  /// Images that only the second got right.
  public let secondOnly: Int
  /// All images, concordant ones included.
  public let imageCount: Int

  /// A comparison from its counts.
  public init(firstOnly: Int, secondOnly: Int, imageCount: Int) {
    precondition(firstOnly >= 0 && secondOnly >= 0 && firstOnly + secondOnly <= imageCount)
    self.firstOnly = firstOnly
    self.secondOnly = secondOnly
    self.imageCount = imageCount
  }

  /// From whether each got each image right.
  public init(_ first: [Bool], _ second: [Bool]) {
    precondition(first.count == second.count)
    self.init(
      firstOnly: zip(first, second).count { $0 && !$1 },
      secondOnly: zip(first, second).count { !$0 && $1 },
      imageCount: first.count)
  }

  /// Accuracy of the first less accuracy of the second, as fractions of 1; 0 without images.
  public var difference: Double { Double(firstOnly - secondOnly) / Double(max(imageCount, 1)) }

  /// Standard error of `difference`: √(b + c − (b−c)²/n) / n.
  public var standardError: Double {
    let n = Double(max(imageCount, 1))
    let gap = Double(firstOnly - secondOnly)
    return max(0, Double(firstOnly + secondOnly) - gap * gap / n).squareRoot() / n
  }

  /// 95 % interval of the difference.
  ///
  /// The Wald interval after adding ½ to each cell of the 2×2 table, which keeps its coverage when few images
  /// change sides (Agresti and Min 2005, "Simple improved confidence intervals for comparing matched proportions").
  public var interval: ClosedRange<Double> { interval(widening: 1) }

  /// The same with its half-width multiplied.
  public func interval(widening factor: Double) -> ClosedRange<Double> {
    let n = Double(imageCount) + 2
    let centre = Double(firstOnly - secondOnly) / n
    let variance = (Double(firstOnly + secondOnly) + 1) / n - centre * centre
    let half = factor * 1.959964 * (max(0, variance) / n).squareRoot()
    return centre - half...centre + half
  }

  /// True if the first is better than the second.
  ///
  /// - Parameter margin: lead that the interval must exceed, a fraction of 1; nil asks for any lead that chance gives
  ///   less often than `significance`.
  public func isBetter(margin: Double? = nil) -> Bool {
    if let margin { return interval.lowerBound > margin }
    return difference > 0 && mcNemarMidP < Self.significance
  }

  /// True if the first is not worse than the second.
  ///
  /// - Parameter margin: loss that the interval must exclude, a fraction of 1: a difference of −`margin` then passes
  ///   with a chance of at most 2.5 %, however few the images. Nil rejects only a loss that is proven, so that a test
  ///   on few images passes almost anything.
  public func isNotWorse(margin: Double? = nil) -> Bool {
    if let margin { return interval.lowerBound > -margin }
    return !(difference < 0 && mcNemarMidP < Self.significance)
  }

  /// A difference that chance gives less often than this counts as one.
  public static let significance = 0.05

  /// Two-sided mid-p value of McNemar's exact test: under equal accuracy every discordant image is a fair coin.
  ///
  /// Fagerland, Lydersen, Laake (2013), "The McNemar test for binary matched-pairs data", eq. 6. 1 when no
  /// image is discordant. Summed in float64 from logarithms of binomial coefficients; relative error below 1e-10
  /// for up to 10⁶ discordant images.
  public var mcNemarMidP: Double {
    let total = firstOnly + secondOnly
    let smaller = min(firstOnly, secondOnly)
    guard total > 0, firstOnly != secondOnly else { return 1 }
    var tail = 0.0
    // From the largest term down, so that the sum can stop where terms no longer count.
    var term = exp(
      lgamma(Double(total + 1)) - lgamma(Double(smaller + 1)) - lgamma(Double(total - smaller + 1))
        - Double(total) * log(2))
    let atObserved = term
    for count in stride(from: smaller, through: 0, by: -1) {
      tail += term
      if term < tail * 1e-17 { break }
      term *= Double(count) / Double(total - count + 1)
    }
    return min(1, 2 * tail - atObserved)
  }
}
