extension DriftReport {
  /// A checkpoint that is far from the rest.
  public struct Outlier: Sendable, Equatable {
    /// Index in the series.
    public let checkpoint: Int
    /// Distance from the mean of the others, divided by the median of all such distances.
    public let ratio: Double
  }
}

extension DriftReport.Row {
  /// Checkpoints whose distance from the mean of the others is more than 3.5 scaled median absolute
  /// deviations above the median distance (Iglewicz and Hoaglin 1993, "How to Detect and Handle Outliers",
  /// section 3.3) and at least 1.5 times the median.
  ///
  /// The second condition is for series whose distances hardly differ; training that moves steadily has its
  /// ends farther out than its middle, but never that far.
  public var outliers: [DriftReport.Outlier] {
    guard distances.count > 2 else { return [] }
    let middle = Self.median(distances)
    let spread = Self.median(distances.map { abs($0 - middle) }) / 0.6745
    guard middle > 0 else {
      // Most distances are equal.
      return distances.indices.filter { distances[$0] > 0 }.map { .init(checkpoint: $0, ratio: .infinity) }
    }
    return distances.indices.filter {
      distances[$0] > middle + 3.5 * spread && distances[$0] > 1.5 * middle
    }.map { .init(checkpoint: $0, ratio: distances[$0] / middle) }
  }

  private static func median(_ values: [Double]) -> Double {
    let sorted = values.sorted()
    return (sorted[(sorted.count - 1) / 2] + sorted[sorted.count / 2]) / 2
  }
}
