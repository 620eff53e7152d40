import Checkpoint
import Platform

/// The exponential moving average θ̄ ← d·θ̄ + (1 - d)·θ, which starts as the first checkpoint.
///
/// The decay may be meant for a distance in training steps: with `decayInterval` k it becomes d^(Δstep/k) between two
/// checkpoints, the result that averaging every k steps would have with models that stand still between them (as in
/// torchvision's `model_ema_steps`). A half-life h stands for d = 2^(-1/h). Debiased averages start at zero and are
/// divided by 1 - Πd (Kingma and Ba 2015, section 3). The warm-up is that of timm's `ModelEmaV3`,
/// d = min(1 - (1 + s/γ)^-p, cap) with s = 0 at the first checkpoint.
struct ExponentialMovingAverage: AveragingMethod {
  static let name = "ema"
  static let parameters: [MethodParameter] = [
    .decay, .halfLife, .decayInterval, .debiased, .warmup, .warmupPower, .warmupGamma,
  ]

  let decay: Double
  let interval: Double?
  let isDebiased: Bool
  let warmup: (power: Double, gamma: Double)?

  init(_ parameters: MethodParameters = MethodParameters()) throws {
    let given = try parameters.number(.decay, "a number from 0 to 1") { (0...1).contains($0) }
    let halfLife = try parameters.number(.halfLife, "a number above 0") { $0 > 0 }
    if given != nil && halfLife != nil { throw AveragingError.parametersExclude(.decay, .halfLife) }
    interval = try parameters.number(.decayInterval, "a number above 0") { $0 > 0 }
    isDebiased = parameters.isOn(.debiased)
    let power = try parameters.number(.warmupPower, "a number above 0") { $0 > 0 }
    let gamma = try parameters.number(.warmupGamma, "a number above 0") { $0 > 0 }
    warmup =
      parameters.isOn(.warmup) || power != nil || gamma != nil
      ? (power: power ?? 2.0 / 3, gamma: gamma ?? 1) : nil
    decay = given ?? halfLife.map { exp2(-1 / $0) } ?? (warmup == nil ? 0.9 : 0.9999)
  }

  var needsSteps: Bool { interval != nil }

  var settings: [(String, JSON)] {
    var settings: [(String, JSON)] = [("decay", .number("\(decay)"))]
    if let interval { settings.append(("decay_interval", .number("\(interval)"))) }
    if isDebiased { settings.append(("debiased", .bool(true))) }
    if let warmup {
      settings.append(("warmup_power", .number("\(warmup.power)")))
      settings.append(("warmup_gamma", .number("\(warmup.gamma)")))
    }
    return settings
  }

  func combination(of timeline: Timeline) throws -> Combination {
    var decays = (0..<timeline.count).map { index in
      guard let warmup else { return decay }
      return min(1 - pow(1 + Double(index) / warmup.gamma, -warmup.power), decay)
    }
    if interval != nil || timeline.steps != nil {
      let steps = try timeline.increasingSteps(for: Self.name)
      for index in decays.indices.dropFirst() {
        decays[index] = pow(decays[index], (steps[index] - steps[index - 1]) / (interval ?? 1))
      }
    }
    guard isDebiased else { return .linear(.movingAverage(decays: decays)) }
    let divisor = 1 - decays.reduce(1, *)
    guard divisor > 0 else { throw AveragingError.weightsCancel }
    return .linear(LinearCombination(steps: decays.map { .init(keep: $0, add: 1 - $0) }, divisor: divisor))
  }
}

extension LinearCombination {
  /// θ̄ᵢ = dᵢ·θ̄ᵢ₋₁ + (1 - dᵢ)·θᵢ with θ̄₁ = θ₁, whatever the first decay.
  public static func movingAverage(decays: [Double]) -> Self {
    var steps = decays.map { Step(keep: $0, add: 1 - $0) }
    if !steps.isEmpty { steps[0] = Step(keep: 0, add: 1) }
    return Self(steps: steps)
  }
}
