import Checkpoint

/// The point between a pretrained model and the mean of fine-tuned ones that follows from their angles (Jang
/// et al. 2024, "Model Stock: All we need is just a few fine-tuned models", arXiv 2403.19522).
///
/// For each tensor, with c the mean cosine between the differences of N models from the pretrained one: t =
/// N·c / (1 + (N - 1)·c) and θ = t·θ̄ + (1 - t)·θ₀. A negative c means that the models have nothing in
/// common, and θ = θ₀.
///
/// The series begins with the pretrained model.
public struct ModelStock: AngularMethod {
  /// The name in provenance and reports.
  public static let name = "model-stock"

  /// A method without parameters.
  public init() {}

  /// True: the first checkpoint is the pretrained model.
  public var beginsWithPretrained: Bool { true }

  /// Empty: there are no parameters.
  public var settings: [(String, JSON)] { [] }

  /// The mean of the fine-tuned models, t = 1.
  public func combination(of timeline: Timeline) throws -> Combination {
    let models = timeline.count - 1
    guard models >= 2 else { throw AveragingError.tooFew(method: Self.name, needed: 2, found: models) }
    return .linear(Self.mixture(of: models, share: 1))
  }

  /// The weights for a tensor from the angles between the differences.
  public func weights(_ products: InnerProducts) -> [Double] {
    let models = products.count
    var sum = 0.0
    for first in 0..<models {
      // A tensor that is unchanged in one model has no angle to others.
      for second in first + 1..<models { sum += products.cosine(first, second) ?? 0 }
    }
    let cosine = max(0, sum / Double(models * (models - 1) / 2))
    let share = Double(models) * cosine / (1 + Double(models - 1) * cosine)
    return Self.mixture(of: models, share: share).weights
  }

  private static func mixture(of models: Int, share: Double) -> LinearCombination {
    let each = Array(repeating: share / Double(models), count: models)
    return LinearCombination(weights: [1 - share] + each)
  }
}
