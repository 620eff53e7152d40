import Checkpoint
import Platform

/// The exponential moving average θ̄ ← d·θ̄ + (1 - d)·θ, initialized with the first checkpoint.
///
/// With training steps the decay refers to a distance of `interval` steps k: between two checkpoints it
/// becomes d^(Δstep/k), which equals averaging every k steps with models that stay constant in between (as in
/// torchvision's `model_ema_steps`).
///
/// A debiased average starts at zero and is divided by 1 - Πd (Kingma and Ba 2015, section 3). With training
/// steps the first checkpoint counts for the mean distance between two checkpoints.
public struct ExponentialMovingAverage: AveragingMethod {
  /// The warm-up of timm's `ModelEmaV3`: d = min(1 - (1 + s/γ)^-p, cap) at the update number s + 1.
  ///
  /// Updates are counted in training steps where these are known, else in checkpoints.
  public struct Warmup: Sendable, Equatable {
    /// The exponent p.
    public let power: Double
    /// The inverse factor γ.
    public let gamma: Double

    /// - Throws: `AveragingError.parameterOutOfRange` unless both are above 0.
    public init(power: Double = 2.0 / 3, gamma: Double = 1) throws {
      try require("power of the warm-up", power, "a number above 0") { $0 > 0 && $0.isFinite }
      try require("gamma of the warm-up", gamma, "a number above 0") { $0 > 0 && $0.isFinite }
      self.power = power
      self.gamma = gamma
    }
  }

  /// The name in provenance and reports.
  public static let name = "ema"

  let decay: Double
  let interval: Double?
  let isDebiased: Bool
  let warmup: Warmup?

  /// - Parameters:
  ///   - decay: Share of the old average that is kept, after a warm-up; 0.9 by default, with a warm-up
  ///     0.9999.
  ///   - interval: Number of training steps that the decay refers to; nil counts checkpoints, or single steps
  ///     where a series has them.
  ///   - isDebiased: True for an average that starts at zero.
  ///   - warmup: Rise of the decay at the beginning.
  /// - Throws: `AveragingError.parameterOutOfRange`.
  public init(
    decay: Double? = nil, interval: Double? = nil, isDebiased: Bool = false, warmup: Warmup? = nil
  ) throws {
    self.decay = decay ?? (warmup == nil ? 0.9 : 0.9999)
    try require("decay", self.decay, "a number from 0 to 1") { (0...1).contains($0) }
    if let interval {
      try require("interval of the decay", interval, "a number above 0") { $0 > 0 && $0.isFinite }
    }
    self.interval = interval
    self.isDebiased = isDebiased
    self.warmup = warmup
  }

  /// The decay that halves a weight over a distance of `halfLife`: 2^(-1/h).
  ///
  /// - Throws: `AveragingError.parameterOutOfRange`.
  public static func decay(halfLife: Double) throws -> Double {
    try require("half-life", halfLife, "a number above 0") { $0 > 0 }
    return exp2(-1 / halfLife)
  }

  /// True when an interval was given.
  public var needsSteps: Bool { interval != nil }

  /// False for a debiased average by training steps: the mean distance changes with every checkpoint.
  public func isContinuable(over timeline: Timeline) -> Bool { !(isDebiased && timeline.steps != nil) }

  /// Options that the result depends on, apart from the checkpoints.
  public var settings: [(String, JSON)] {
    var settings: [(String, JSON)] = [("decay", .number("\(decay)"))]
    if let interval { settings.append(("decay_interval", .number("\(interval)"))) }
    if isDebiased { settings.append(("debiased", .bool(true))) }
    if let warmup {
      settings.append(("warmup_power", .number("\(warmup.power)")))
      settings.append(("warmup_gamma", .number("\(warmup.gamma)")))
    }
    return settings
  }

  /// The recurrence over the series.
  public func combination(of timeline: Timeline) throws -> Combination {
    let decays = try decays(of: timeline)
    guard isDebiased else { return .linear(.movingAverage(decays: decays)) }
    let divisor = 1 - decays.reduce(1, *)
    guard divisor > 0 else { throw AveragingError.weightsCancel }
    return .linear(LinearCombination(steps: decays.map { .init(keep: $0, add: 1 - $0) }, divisor: divisor))
  }

  /// The factor that every checkpoint applies to the average so far.
  private func decays(of timeline: Timeline) throws -> [Double] {
    guard interval != nil || timeline.steps != nil else {
      return (0..<timeline.count).map { kept(from: Double($0), to: Double($0 + 1)) }
    }
    let steps = try timeline.increasingSteps(for: Self.name)
    let before = steps.count > 1 ? (steps.last! - steps[0]) / Double(steps.count - 1) : interval ?? 1
    let unit = interval ?? 1
    return steps.indices.map { index in
      let start = index > 0 ? steps[index - 1] : max(0, steps[0] - before)
      return kept(from: start / unit, to: steps[index] / unit)
    }
  }

  /// The factor that the updates after `start`, up to `end`, apply to an average.
  private func kept(from start: Double, to end: Double) -> Double {
    guard let warmup else { return pow(decay, end - start) }
    let full = min(max(warmup.updates(to: decay), start), end)
    return exp(warmup.logarithm(from: start, to: full)) * pow(decay, end - full)
  }
}

extension ExponentialMovingAverage.Warmup {
  /// Number of updates that are summed one by one; beyond them the sum is as good as an integral.
  private static let singleUpdates = 65536.0

  /// The decay of the update number s + 1.
  private func decay(_ s: Double) -> Double { 1 - pow(1 + s / gamma, -power) }

  /// The number of updates whose decay is below `cap`.
  fileprivate func updates(to cap: Double) -> Double {
    max(0, (gamma * (pow(1 - cap, -1 / power) - 1)).rounded(.up))
  }

  /// ln Π d over the updates after `start`, up to `end`; a part of an update counts in proportion.
  fileprivate func logarithm(from start: Double, to end: Double) -> Double {
    var sum = 0.0
    var position = start
    while position < min(end, Self.singleUpdates) {
      let next = min(position.rounded(.down) + 1, end)
      sum += (next - position) * log(decay(position.rounded(.down)))
      position = next
    }
    if position < end { sum += integral(from: position - 0.5, to: end - 0.5) }
    return sum
  }

  /// ∫ ln d(s) ds by Simpson's rule over t = ln(1 + s/γ), in which the integrand is smooth however far it
  /// goes.
  private func integral(from start: Double, to end: Double) -> Double {
    let (low, high) = (log1p(start / gamma), log1p(end / gamma))
    let intervals = 256
    let width = (high - low) / Double(intervals)
    func value(_ index: Int) -> Double {
      let t = low + Double(index) * width
      return log1p(-exp(-power * t)) * gamma * exp(t)
    }
    let inner = (1..<intervals).reduce(0) { $0 + ($1 % 2 == 1 ? 4 : 2) * value($1) }
    return (value(0) + inner + value(intervals)) * width / 3
  }
}

extension LinearCombination {
  /// θ̄ᵢ = dᵢ·θ̄ᵢ₋₁ + (1 - dᵢ)·θᵢ with θ̄₁ = θ₁, whatever the first decay.
  public static func movingAverage(decays: [Double]) -> Self {
    var steps = decays.map { Update(keep: $0, add: 1 - $0) }
    if !steps.isEmpty { steps[0] = Update(keep: 0, add: 1) }
    return Self(steps: steps)
  }
}
