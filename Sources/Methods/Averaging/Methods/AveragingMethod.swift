import Checkpoint

/// A way to make one model of many, with its parameters.
///
/// A new one is a file beside this one, and a line where the program that offers it lists its methods.
///
///     let method = try ExponentialMovingAverage(decay: 0.9)
///     let timeline = try Timeline(names: ["epoch-1", "epoch-2", "epoch-3"])
///     let combination = try method.combination(of: timeline)
public protocol AveragingMethod: Sendable {
  /// The name in provenance and reports.
  static var name: String { get }
  /// Other names of it.
  static var aliases: [String] { get }

  /// Whether it works on training steps.
  var needsSteps: Bool { get }

  /// Whether the first checkpoint of the series is the one that the others were fine-tuned from.
  var beginsWithPretrained: Bool { get }

  /// Whether the parts of the checkpoints so far do not depend on those to come, but for a common factor.
  func isContinuable(over timeline: Timeline) -> Bool

  /// Everything the result depends on beside the checkpoints, defaults included, for the provenance.
  var settings: [(String, JSON)] { get }

  /// What the result's metadata say beside the provenance.
  var metadata: [(key: String, value: String)] { get }

  /// How the checkpoints of this series are combined, computed in float64 before anything is read.
  func combination(of timeline: Timeline) throws -> Combination

  /// Further tensors made of every parameter, beside the average itself.
  func companions(of timeline: Timeline) throws -> [Companion]
}

extension AveragingMethod {
  /// No other names.
  public static var aliases: [String] { [] }

  /// False: most methods count checkpoints.
  public var needsSteps: Bool { false }

  /// False: most methods treat all checkpoints alike.
  public var beginsWithPretrained: Bool { false }

  /// True: most methods are recurrences.
  public func isContinuable(over timeline: Timeline) -> Bool { true }

  /// No further metadata.
  public var metadata: [(key: String, value: String)] { [] }

  /// No further tensors.
  public func companions(of timeline: Timeline) throws -> [Companion] { [] }
}

/// A tensor that is written beside an averaged one.
public struct Companion: Sendable, Equatable {
  /// What its name has behind that of the averaged tensor.
  public let suffix: String
  /// How it is made.
  public let combination: Combination

  /// The same of the last checkpoints of a series that has `count` more before them.
  public func shifted(by count: Int) -> Self {
    Self(suffix: suffix, combination: combination.shifted(by: count))
  }
}

/// - Throws: `AveragingError.parameterOutOfRange` for a value that is not valid; NaN is in no range.
func require(
  _ parameter: String, _ value: Double, _ range: String, where isValid: (Double) -> Bool
) throws {
  guard isValid(value) else {
    throw AveragingError.parameterOutOfRange(parameter, value: value, range: range)
  }
}
