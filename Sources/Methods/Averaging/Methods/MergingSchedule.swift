import Checkpoint
import Platform

/// The mean whose weights replace a decay of the learning rate that training did not do (WSM, arXiv
/// 2507.17634).
///
/// With a decay curve d from d(0) = 1 and N equidistant checkpoints, dᵢ = d(i/N) multiplies the updates after
/// checkpoint i, counted from 0; the weights are cᵢ = dᵢ - dᵢ₊₁ with d_N = 0. The linear curve gives the
/// plain mean.
public struct MergingSchedule: AveragingMethod {
  /// Decay of the learning rate as a function of the share x of training.
  public enum Curve: String, CaseIterable, Sendable {
    /// (1 + cos πx) / 2.
    case cosine
    /// 1 - x.
    case linear
    /// 1 - √x.
    case inverseSquareRoot = "1-sqrt"

    func value(_ x: Double) -> Double {
      switch self {
      case .cosine: (1 + cos(.pi * x)) / 2
      case .linear: 1 - x
      case .inverseSquareRoot: 1 - x.squareRoot()
      }
    }
  }

  /// The name in provenance and reports.
  public static let name = "schedule"

  let curve: Curve

  /// - Parameter curve: The decay to emulate.
  public init(_ curve: Curve) { self.curve = curve }

  /// False: the weights follow from the number of checkpoints.
  public func isContinuable(over timeline: Timeline) -> Bool { false }

  /// The curve.
  public var settings: [(String, JSON)] { [("schedule", .string(curve.rawValue))] }

  /// The decrements of the curve.
  public func combination(of timeline: Timeline) throws -> Combination {
    let count = timeline.count
    let decays = (0..<count).map { curve.value(Double($0) / Double(count)) } + [0]
    return .linear(LinearCombination(weights: (0..<count).map { decays[$0] - decays[$0 + 1] }))
  }
}
