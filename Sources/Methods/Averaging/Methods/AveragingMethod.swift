import Checkpoint

/// A way to make one model of many. A new one is a file beside this one and a line in `averagingMethods`.
public protocol AveragingMethod: Sendable {
  /// The name on the command line.
  static var name: String { get }
  /// Other names of it.
  static var aliases: [String] { get }
  /// What it can be told.
  static var parameters: [MethodParameter] { get }

  /// - Throws: `AveragingError` when a parameter is missing or outside its range.
  init(_ parameters: MethodParameters) throws

  /// Whether it works on training steps.
  var needsSteps: Bool { get }

  /// Whether the parts of the checkpoints so far do not depend on those to come, but for a common factor.
  var isContinuable: Bool { get }

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
  /// None.
  public static var aliases: [String] { [] }

  /// It does not.
  public var needsSteps: Bool { false }

  /// Most are recurrences.
  public var isContinuable: Bool { true }

  /// Nothing.
  public var metadata: [(key: String, value: String)] { [] }

  /// None.
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

/// Every method.
public let averagingMethods: [any AveragingMethod.Type] = [
  Mean.self,
  ExponentialMovingAverage.self,
  TanhMovingAverage.self,
  PowerMovingAverage.self,
  PosthocMovingAverage.self,
  GaussianMoments.self,
  Median.self,
  TrimmedMean.self,
  WeightedSum.self,
]

/// The method called `name`, with its parameters.
///
/// - Throws: `AveragingError` for an unknown name, and for a parameter that the method does not take: a setting
///   without effect is a misunderstanding.
public func averagingMethod(_ name: String, _ parameters: MethodParameters) throws -> any AveragingMethod {
  guard let type = averagingMethods.first(where: { $0.name == name || $0.aliases.contains(name) }) else {
    throw AveragingError.unknownMethod(name, known: averagingMethods.map { $0.name })
  }
  for parameter in parameters.given where !type.parameters.contains(parameter) {
    throw AveragingError.parameterNotTaken(method: type.name, parameter)
  }
  return try type.init(parameters)
}
