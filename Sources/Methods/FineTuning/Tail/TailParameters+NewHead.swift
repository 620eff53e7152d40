import Statistics

/// Initialization of a new classifier.
public enum HeadInitialisation: String, Sendable, CaseIterable {
  /// Weight and bias 0.
  case zero
  /// Uniform between ±1/√channels, weight and bias, like `torch.nn.Linear` (He et al. 2015 with a = √5).
  case kaiming
}

extension TailParameters {
  /// This BatchNorm with a newly initialized classifier of `classes` outputs.
  public func withNewHead(classes: Int, _ initialisation: HeadInitialisation, seed: UInt64) -> TailParameters
  {
    var generator = SeededGenerator(seed: seed)
    let bound = 1 / Double(channels).squareRoot()
    func values(_ count: Int) -> [Float] {
      switch initialisation {
      case .zero: Array(repeating: 0, count: count)
      case .kaiming: (0..<count).map { _ in Float(generator.uniform(in: -bound..<bound)) }
      }
    }
    let weight = values(classes * channels)
    return TailParameters(
      weight: weight, bias: bias.map { _ in values(classes) }, batchNorm: batchNorm, classes: classes,
      channels: channels)
  }
}
