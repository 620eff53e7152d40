import Checkpoint
import Platform

/// Spherical interpolation between two checkpoints, tensor by tensor (Shoemake 1985, "Animating Rotation with
/// Quaternion Curves").
///
/// With Ω the angle between the tensors as vectors: θ = sin((1-t)Ω)/sin Ω · θ₁ + sin(tΩ)/sin Ω · θ₂. Tensors
/// that are nearly parallel (|cos Ω| above 0.9995) or zero are interpolated linearly.
public struct SphericalInterpolation: AngularMethod {
  /// The name in provenance and reports.
  public static let name = "slerp"

  private static let parallelCosine = 0.9995

  let share: Double

  /// - Parameter share: Position of the result between the first checkpoint, 0, and the second, 1.
  /// - Throws: `AveragingError.parameterOutOfRange`.
  public init(share: Double = 0.5) throws {
    try require("share of the second checkpoint", share, "a number from 0 to 1") { (0...1).contains($0) }
    self.share = share
  }

  /// The share.
  public var settings: [(String, JSON)] { [("share", .number("\(share)"))] }

  /// The linear interpolation.
  public func combination(of timeline: Timeline) throws -> Combination {
    guard timeline.count == 2 else {
      throw AveragingError.countMismatch(Self.name, expected: 2, found: timeline.count)
    }
    return .linear(LinearCombination(weights: [1 - share, share]))
  }

  /// The weights for a tensor from the angle between its two values.
  public func weights(_ products: InnerProducts) -> [Double] {
    let cosine = products.cosine(0, 1)
    guard let cosine, abs(cosine) <= Self.parallelCosine else { return [1 - share, share] }
    let angle = acos(cosine)
    return [sin((1 - share) * angle) / sin(angle), sin(share * angle) / sin(angle)]
  }
}
