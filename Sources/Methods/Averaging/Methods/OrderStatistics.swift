import Checkpoint

/// The median of every element; for an even number of checkpoints the mean of the middle two, like NumPy's.
public struct Median: AveragingMethod {
  /// The name in provenance and reports.
  public static let name = "median"

  /// A method without parameters.
  public init() {}

  /// Empty: there are no parameters.
  public var settings: [(String, JSON)] { [] }

  /// False: all values are needed at once.
  public func isContinuable(over timeline: Timeline) -> Bool { false }

  /// The values in the middle.
  public func combination(of timeline: Timeline) throws -> Combination {
    .trimmedMean(inputs: 0..<timeline.count, trim: (timeline.count - 1) / 2)
  }
}

/// The mean of every element without the ⌊p·N⌋ smallest and largest values, as in `scipy.stats.trim_mean`.
public struct TrimmedMean: AveragingMethod {
  /// The name in provenance and reports.
  public static let name = "trimmed-mean"

  let trim: Double

  /// - Parameter trim: Share of the values to drop at either end, from 0, below 0.5.
  /// - Throws: `AveragingError.parameterOutOfRange`.
  public init(trim: Double = 0.1) throws {
    try require("trim", trim, "a number from 0, below 0.5") { (0..<0.5).contains($0) }
    self.trim = trim
  }

  /// Options that the result depends on, apart from the checkpoints.
  public var settings: [(String, JSON)] { [("trim", .number("\(trim)"))] }

  /// False: all values are needed at once.
  public func isContinuable(over timeline: Timeline) -> Bool { false }

  /// The values in the middle.
  public func combination(of timeline: Timeline) throws -> Combination {
    .trimmedMean(inputs: 0..<timeline.count, trim: Int(trim * Double(timeline.count)))
  }
}
