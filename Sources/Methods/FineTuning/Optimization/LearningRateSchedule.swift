import Platform

/// Schedule of the learning rate over a run. Epochs are counted from 0 here.
public enum LearningRateSchedule: Sendable, Equatable {
  /// 1 throughout.
  case constant
  /// γ^⌊epoch/size⌋.
  case step(size: Int, gamma: Double)
  /// γ to the number of `epochs` that have been reached.
  case multiStep(epochs: [Int], gamma: Double)
  /// γ^epoch.
  case exponential(gamma: Double)
  /// ½(1 + cos(πt/T)) at step t of T (Loshchilov and Hutter 2017, eq. 5, without restarts).
  case cosine
  /// (1 − t/T)^power at step t of T.
  case polynomial(power: Double)
  /// Multiplied by γ whenever the watched loss has not fallen by a relative 1e-4 for more than `patience`
  /// epochs.
  case plateau(patience: Int, gamma: Double)

  /// The factor on the base learning rate.
  ///
  /// - Parameters:
  ///   - epoch: counted from 0.
  ///   - step: counted from 0 over the whole run without warm-up.
  ///   - steps: number of steps of the whole run without warm-up.
  ///   - reductions: number of reductions of the plateau schedule so far.
  func factor(epoch: Int, step: Int, of steps: Int, reductions: Int) -> Double {
    let progress = Double(step) / Double(max(1, steps))
    return switch self {
    case .constant: 1
    case .step(let size, let gamma): pow(gamma, Double(epoch / size))
    case .multiStep(let epochs, let gamma): pow(gamma, Double(epochs.count { $0 <= epoch }))
    case .exponential(let gamma): pow(gamma, Double(epoch))
    case .cosine: (1 + cos(.pi * progress)) / 2
    case .polynomial(let power): pow(1 - progress, power)
    case .plateau(_, let gamma): pow(gamma, Double(reductions))
    }
  }

  func validate() throws {
    func check(_ what: String, _ value: some Any, _ isValid: Bool) throws {
      if !isValid {
        throw TuningError.invalidOption(what: what, value: "\(value)", expected: "a number above zero")
      }
    }
    func check(gamma: Double) throws { try check("decay factor", gamma, gamma > 0 && gamma.isFinite) }
    switch self {
    case .constant, .cosine: break
    case .step(let size, let gamma):
      try check("epochs per step", size, size > 0)
      try check(gamma: gamma)
    case .multiStep(_, let gamma), .exponential(let gamma): try check(gamma: gamma)
    case .polynomial(let power): try check("power", power, power > 0 && power.isFinite)
    case .plateau(let patience, let gamma):
      try check("patience", patience + 1, patience >= 0)
      try check(gamma: gamma)
    }
  }
}

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

/// Counts how often a watched loss has stopped falling, like `ReduceLROnPlateau` with its default threshold.
public struct PlateauWatch: Sendable, Equatable {
  let patience: Int
  /// Number of times that the patience has run out.
  public private(set) var reductions = 0
  /// Lowest loss so far.
  public private(set) var best = Double.infinity
  /// Epochs since `best`, or since the patience last ran out.
  public private(set) var badEpochs = 0

  init(patience: Int) { self.patience = patience }

  /// The state of an earlier run.
  public init(patience: Int, reductions: Int, best: Double, badEpochs: Int) {
    self.patience = patience
    self.reductions = reductions
    self.best = best
    self.badEpochs = badEpochs
  }

  /// - Returns: true if `loss` is the lowest by more than a relative 1e-4.
  @discardableResult
  mutating func observe(_ loss: Double) -> Bool {
    let isBest = loss < best * (1 - 1e-4)
    if isBest {
      best = loss
      badEpochs = 0
    } else {
      badEpochs += 1
    }
    if badEpochs > patience {
      reductions += 1
      badEpochs = 0
    }
    return isBest
  }
}
