import Checkpoint

/// What methods can be told; the raw value is the name of the command-line option.
public enum MethodParameter: String, CaseIterable, Sendable, Hashable {
  /// Share of the old average that is kept at every checkpoint, or every `decayInterval` steps.
  case decay
  /// Distance after which a checkpoint's weight has halved, in checkpoints or steps.
  case halfLife = "half-life"
  /// The steps that `decay` is meant for.
  case decayInterval = "decay-interval"
  /// Start of the average at zero and division by 1 - dᴺ.
  case debiased
  /// timm's warm-up of the decay.
  case warmup
  /// The power of the warm-up.
  case warmupPower = "warmup-power"
  /// The inverse factor γ of the warm-up.
  case warmupGamma = "warmup-gamma"
  /// Factor of tanh(n).
  case alpha
  /// Number of models behind every checkpoint.
  case counts
  /// One weight for every checkpoint.
  case weights
  /// Weights as given, not divided by their sum.
  case unnormalized
  /// Exponent of a power-function EMA.
  case gamma
  /// Relative width of a power-function EMA.
  case sigma
  /// Relative widths of the snapshots that a power-function EMA is made of.
  case sourceSigma = "source-sigma"
  /// Training step at which a power-function EMA ends.
  case targetStep = "target-step"
  /// Number of deviations that SWAG keeps.
  case rank = "swag-rank"
  /// SWAG's deviations are those from the final mean.
  case centered = "swag-centered"
  /// Share of the values dropped at either end.
  case trim
}

/// Parameters as given by the user, a list of numbers each.
public struct MethodParameters: Sendable {
  private let values: [MethodParameter: [Double]]

  /// The given parameters; a switch that is on has the value 1.
  public init(_ values: [MethodParameter: [Double]] = [:]) { self.values = values }

  /// The parameters that were given, in the order of their declaration.
  public var given: [MethodParameter] { MethodParameter.allCases.filter { values[$0] != nil } }

  /// The values of a list parameter.
  public func list(_ parameter: MethodParameter) -> [Double]? { values[parameter] }

  /// Whether a switch is on.
  public func isOn(_ parameter: MethodParameter) -> Bool { values[parameter] != nil }

  /// The value of a parameter that takes one number.
  ///
  /// - Throws: `AveragingError.parameterOutOfRange`; NaN is in no range.
  public func number(
    _ parameter: MethodParameter, _ range: String, where isValid: (Double) -> Bool
  ) throws -> Double? {
    guard let value = values[parameter]?.first else { return nil }
    guard isValid(value) else {
      throw AveragingError.parameterOutOfRange(parameter, value: value, range: range)
    }
    return value
  }
}
