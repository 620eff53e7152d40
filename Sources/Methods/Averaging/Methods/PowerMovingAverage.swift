import Checkpoint
import Platform

/// The power-function EMA of raw checkpoints, d = (tᵢ₋₁ / tᵢ)^(γ+1) with t the training step.
///
/// Every checkpoint represents the time since its predecessor: wᵢ = (tᵢ/T)^(γ+1) - (tᵢ₋₁/T)^(γ+1) (EDM2,
/// arXiv 2312.02696, equation 127).
public struct PowerMovingAverage: AveragingMethod {
  /// The name in provenance and reports.
  public static let name = "power-ema"

  let gamma: Double

  /// - Throws: `AveragingError.parameterOutOfRange`.
  public init(_ width: PowerProfile.Width) throws { gamma = try width.exponent() }

  /// True: the weights depend on training steps.
  public var needsSteps: Bool { true }

  /// Options that the result depends on, apart from the checkpoints.
  public var settings: [(String, JSON)] { [("gamma", .number("\(gamma)"))] }

  /// The recurrence over the series.
  public func combination(of timeline: Timeline) throws -> Combination {
    let steps = try timeline.increasingSteps(for: Self.name)
    if steps[0] <= 0 { throw AveragingError.stepNotPositive(file: timeline.names[0], step: steps[0]) }
    return .linear(
      .movingAverage(
        decays: steps.indices.map { $0 == 0 ? 0 : pow(steps[$0 - 1] / steps[$0], gamma + 1) }))
  }
}
