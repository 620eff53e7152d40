import Foundation

/// How the learning rate changes over a run.
public enum LearningRateSchedule: Sendable, Equatable {
  case constant
  /// ½(1 + cos(πt/T)) at step t of T (Loshchilov and Hutter 2017, eq. 5, without restarts).
  case cosine

  /// The factor on the base learning rate at `step`, counted from 0, of `steps`.
  func factor(step: Int, of steps: Int) -> Double {
    switch self {
    case .constant: 1
    case .cosine: (1 + cos(.pi * Double(step) / Double(steps))) / 2
    }
  }
}
