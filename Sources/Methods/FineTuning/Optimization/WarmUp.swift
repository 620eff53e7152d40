/// A linear rise of the learning rate over the first steps.
public struct WarmUp: Sendable, Equatable {
  /// Steps until the full rate; 0 for no warm-up.
  public var steps: Int
  /// Factor on the base rate at the first step.
  public var startFactor: Double

  /// - Parameters:
  ///   - steps: steps until the full rate; 0 for no warm-up.
  ///   - startFactor: from 0 (excluded) to 1.
  public init(steps: Int = 0, startFactor: Double = 0.01) {
    self.steps = steps
    self.startFactor = startFactor
  }

  /// The factor at `step`, counted from 0; 1 from `steps` on (`torch.optim.lr_scheduler.LinearLR`).
  func factor(step: Int) -> Double {
    step >= steps ? 1 : startFactor + (1 - startFactor) * Double(step) / Double(steps)
  }
}
