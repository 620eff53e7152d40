import Checkpoint

/// A method of combining several models into one, with its parameters.
///
/// A new method is one file in this folder and one line in the method list of the program that offers it.
///
/// ```swift
/// let method = try ExponentialMovingAverage(decay: 0.9)
/// let timeline = try Timeline(names: ["epoch-1", "epoch-2", "epoch-3"])
/// let combination = try method.combination(of: timeline)
/// ```
public protocol AveragingMethod: Sendable {
  /// The name in provenance and reports.
  static var name: String { get }
  /// Other names of the method.
  static var aliases: [String] { get }

  /// True if the method needs training steps.
  var needsSteps: Bool { get }

  /// True if the first checkpoint of the series is the pretrained one of the others.
  var beginsWithPretrained: Bool { get }

  /// True if the weights of the checkpoints so far do not depend on later ones, except for a common factor.
  func isContinuable(over timeline: Timeline) -> Bool

  /// Options that the result depends on, apart from the checkpoints, defaults included, for the provenance.
  var settings: [(String, JSON)] { get }

  /// Metadata of the result, apart from the provenance.
  var metadata: [(key: String, value: String)] { get }

  /// The combination of the checkpoints of this series, computed in float64 before anything is read.
  func combination(of timeline: Timeline) throws -> Combination

  /// Further tensors computed for every parameter, in addition to the average.
  func companions(of timeline: Timeline) throws -> [Companion]
}

extension AveragingMethod {
  /// Empty.
  public static var aliases: [String] { [] }

  /// False: most methods count checkpoints.
  public var needsSteps: Bool { false }

  /// False: most methods treat all checkpoints alike.
  public var beginsWithPretrained: Bool { false }

  /// True: most methods are recurrences.
  public func isContinuable(over timeline: Timeline) -> Bool { true }

  /// Empty.
  public var metadata: [(key: String, value: String)] { [] }

  /// Empty.
  public func companions(of timeline: Timeline) throws -> [Companion] { [] }
}

/// A tensor that is written in addition to an averaged one.
public struct Companion: Sendable, Equatable {
  /// Suffix of its name, after that of the averaged tensor.
  public let suffix: String
  /// Combination that produces it.
  public let combination: Combination

  /// This companion for the last checkpoints of a series with `count` more before them.
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
