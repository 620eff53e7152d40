import Foundation

/// Two classifiers on the same images: how much more often the second is right, with its uncertainty.
public struct PairedComparison: Sendable, Equatable {
  /// Images compared.
  public let count: Int
  /// Images that only the second classifies right.
  public let gained: Int
  /// Images that only the first classifies right.
  public let lost: Int

  /// - Parameters: whether each image is classified right; both of one length.
  public init(before: [Bool], after: [Bool]) {
    precondition(before.count == after.count)
    count = before.count
    gained = zip(before, after).count { !$0 && $1 }
    lost = zip(before, after).count { $0 && !$1 }
  }

  /// Accuracy of the second minus accuracy of the first.
  public var difference: Double { Double(gained - lost) / Double(count) }

  /// 95 % interval of the difference.
  ///
  /// The Wald interval after adding ½ to each cell of the 2×2 table, which keeps its coverage when few images
  /// change sides (Agresti and Min 2005, "Simple improved confidence intervals for comparing matched proportions").
  public var interval: ClosedRange<Double> {
    let n = Double(count) + 2
    let centre = Double(gained - lost) / n
    let variance = (Double(gained + lost) + 1) / n - centre * centre
    let half = 1.959964 * (max(0, variance) / n).squareRoot()
    return centre - half...centre + half
  }

  /// Two-sided mid-p value of McNemar's test that both are equally accurate (Fagerland, Lydersen and Laake 2013).
  public var midP: Double {
    let n = gained + lost
    guard n > 0 else { return 1 }
    let smaller = min(gained, lost)
    func probability(_ k: Int) -> Double {
      let logCombinations = lgamma(Double(n + 1)) - lgamma(Double(k + 1)) - lgamma(Double(n - k + 1))
      return exp(logCombinations - Double(n) * log(2))
    }
    let tail = (0...smaller).reduce(0) { $0 + probability($1) }
    return min(1, 2 * tail - probability(smaller))
  }
}
