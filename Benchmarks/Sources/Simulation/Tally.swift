import Foundation

/// Counts the promises that the simulation finds broken.
public final class Tally {
  /// Number of repetitions that a share is of.
  public let repetitions: Int
  /// Number of promises found broken.
  public private(set) var failures = 0
  private let level = 0.95

  /// A tally of shares of so many repetitions.
  public init(repetitions: Int) { self.repetitions = repetitions }

  /// Two standard errors of a share that is simulated.
  private func allowance(_ share: Double) -> Double {
    2 * (share * (1 - share) / Double(repetitions)).squareRoot()
  }

  /// A share that must reach the level.
  public func covered(_ share: Double) -> String {
    let isTooSmall = share < level - allowance(level)
    if isTooSmall { failures += 1 }
    return percent(share) + (isTooSmall ? "  TOO SMALL" : "")
  }

  /// A share that must not exceed `limit`.
  public func erring(_ share: Double, limit: Double = 0.05) -> String {
    let isTooLarge = share > limit + allowance(limit)
    if isTooLarge { failures += 1 }
    return percent(share) + (isTooLarge ? "  TOO LARGE" : "")
  }

  /// A number that must lie in a range.
  public func within(_ value: Double, _ range: ClosedRange<Double>) -> String {
    if !range.contains(value) { failures += 1 }
    return String(format: "%.3f", value) + (range.contains(value) ? "" : "  OUTSIDE \(range)")
  }
}

/// A share in percent.
public func percent(_ share: Double) -> String { String(format: "%.2f %%", 100 * share) }
