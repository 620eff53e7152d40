import Checkpoint
import Platform

/// The tanh-adaptive exponential moving average (T_ADEMA): d = α·tanh(n) with n the number of checkpoints
/// averaged so far.
///
/// Published code increments n at every tensor, which makes d almost α from the second tensor on; here n
/// counts checkpoints, as in the formula.
public struct TanhMovingAverage: AveragingMethod {
  /// The name in provenance and reports.
  public static let name = "tanh-ema"
  /// The name in the paper.
  public static let aliases = ["t-adema"]

  let alpha: Double

  /// - Parameter alpha: Factor of tanh(n), from 0 to 1.
  /// - Throws: `AveragingError.parameterOutOfRange`.
  public init(alpha: Double = 0.9) throws {
    try require("alpha", alpha, "a number from 0 to 1") { (0...1).contains($0) }
    self.alpha = alpha
  }

  /// Options that the result depends on, apart from the checkpoints.
  public var settings: [(String, JSON)] { [("alpha", .number("\(alpha)"))] }

  /// The recurrence over the series.
  public func combination(of timeline: Timeline) throws -> Combination {
    .linear(.movingAverage(decays: (0..<timeline.count).map { alpha * tanh(Double($0)) }))
  }
}
