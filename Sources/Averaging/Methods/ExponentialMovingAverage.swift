import Checkpoint

/// The exponential moving average θ̄ ← d·θ̄ + (1 - d)·θ, which starts as the first checkpoint.
struct ExponentialMovingAverage: AveragingMethod {
  static let name = "ema"
  static let parameters: [MethodParameter] = [.decay]

  let decay: Double

  init(_ parameters: MethodParameters = MethodParameters()) throws {
    decay = try parameters.number(.decay, "a number from 0 to 1") { (0...1).contains($0) } ?? 0.9
  }

  var settings: [(String, JSON)] { [("decay", .number("\(decay)"))] }

  func combination(of timeline: Timeline) throws -> Combination {
    .linear(.movingAverage(decays: Array(repeating: decay, count: timeline.count)))
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
