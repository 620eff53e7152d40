import Checkpoint
import Platform

/// The power-function EMA of raw checkpoints, d = (tᵢ₋₁ / tᵢ)^(γ+1) with t the training step.
///
/// Every checkpoint stands for the time since its predecessor: wᵢ = (tᵢ/T)^(γ+1) - (tᵢ₋₁/T)^(γ+1)
/// (EDM2, arXiv 2312.02696, equation 127).
struct PowerMovingAverage: AveragingMethod {
  static let name = "power-ema"
  static let parameters: [MethodParameter] = [.sigma, .gamma]

  let gamma: Double

  init(_ parameters: MethodParameters) throws {
    gamma = try powerGamma(parameters, method: Self.name)
  }

  var needsSteps: Bool { true }
  var settings: [(String, JSON)] { [("gamma", .number("\(gamma)"))] }

  func combination(of timeline: Timeline) throws -> Combination {
    let steps = try timeline.increasingSteps(for: Self.name)
    if steps[0] <= 0 { throw AveragingError.stepNotPositive(file: timeline.names[0], step: steps[0]) }
    return .linear(
      .movingAverage(
        decays: steps.indices.map { $0 == 0 ? 0 : pow(steps[$0 - 1] / steps[$0], gamma + 1) }))
  }
}

/// γ as given, or that of σ; one of them is needed.
func powerGamma(_ parameters: MethodParameters, method: String) throws -> Double {
  let gamma = try parameters.number(.gamma, "a number above -1") { $0 > -1 && $0.isFinite }
  let sigma = try parameters.number(.sigma, "a number above 0 and below 0.2886") {
    $0 > 0 && $0 < PowerProfile.sigmaLimit
  }
  if gamma != nil && sigma != nil { throw AveragingError.parametersExclude(.gamma, .sigma) }
  guard let value = gamma ?? sigma.map(PowerProfile.gamma) else {
    throw AveragingError.parameterMissing(method: method, .sigma)
  }
  return value
}
