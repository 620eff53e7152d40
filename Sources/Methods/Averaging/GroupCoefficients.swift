import Checkpoint

/// Coefficients of groups of tensors in a merge that starts from a pretrained model: θ₀ + c·(θ - θ₀).
///
/// θ is the tensor as the method merges it, θ₀ that of the pretrained model, and c the coefficient of the tensor's group: 1
/// is the merge itself, 0 the pretrained tensor. Layer-wise coefficients of this kind are those of Yang et al. 2023,
/// "AdaMerging: Adaptive Model Merging for Multi-Task Learning", arXiv 2310.02575, equation 3.
public struct GroupCoefficients: Sendable {
  private let coefficient: @Sendable (TensorName) -> Double?

  /// - Parameter coefficient: The coefficient of a tensor, a finite number; nil for tensors of no group.
  public init(_ coefficient: @escaping @Sendable (TensorName) -> Double?) { self.coefficient = coefficient }

  fileprivate subscript(name: TensorName) -> Double? { coefficient(name) }
}

extension AveragingPlan {
  /// This plan with coefficients for groups of its parameters.
  ///
  /// - Parameters:
  ///   - groups: The coefficients.
  ///   - first: Place of the pretrained model in the series.
  /// - Returns: The plan, and the number of tensors that belong to a group.
  /// - Throws: `AveragingError.parameterOutOfRange` for a coefficient that is not finite.
  public func scaled(
    by groups: GroupCoefficients, pretrained first: Int
  ) throws -> (plan: AveragingPlan, count: Int) {
    var scaled = entries
    var count = 0
    for (place, entry) in entries.enumerated() {
      guard case .combine(let combination) = entry.operation, entry.isAverage,
        let coefficient = groups[entry.input.name]
      else { continue }
      try require("coefficient of a group", coefficient, "finite numbers") { $0.isFinite }
      scaled[place] = Entry(
        output: entry.output, input: entry.input,
        operation: .combine(combination.moved(by: coefficient, from: first)),
        quantization: entry.quantization)
      count += 1
    }
    return (with(entries: scaled), count)
  }
}

extension Combination {
  /// The point that lies `coefficient` times as far from one of the checkpoints as the result does.
  fileprivate func moved(by coefficient: Double, from first: Int) -> Self {
    switch self {
    case .linear(let linear):
      var weights = linear.weights.map { coefficient * $0 }
      // Exactly 1 for c = 1 and weights that add up to 1, such as those of task arithmetic.
      weights[first] += 1 - coefficient
      return .linear(LinearCombination(weights: weights))
    case .election(let inputs, var rule):
      rule.coefficient *= coefficient
      return .election(inputs: inputs, rule)
    case .trimmedMean, .variance: return self
    }
  }
}
