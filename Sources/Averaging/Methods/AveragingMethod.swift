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

  /// Everything the result depends on beside the checkpoints, defaults included, for the provenance.
  var settings: [(String, JSON)] { get }

  /// How the checkpoints of this series are combined, computed in float64 before anything is read.
  func combination(of timeline: Timeline) throws -> Combination
}

extension AveragingMethod {
  /// None.
  public static var aliases: [String] { [] }
}

/// How the values of one element over the series become one value.
public enum Combination: Sendable, Equatable {
  /// A weighted sum.
  case linear(LinearCombination)
  /// The mean of what is left when the `trim` smallest and the `trim` largest values are dropped.
  case trimmedMean(count: Int, trim: Int)
}

extension Combination {
  /// The checkpoints that have a part in the result.
  public var contributors: [Int] {
    switch self {
    case .linear(let linear): linear.contributors
    case .trimmedMean(let count, _): Array(0..<count)
    }
  }
}

/// Every method.
public let averagingMethods: [any AveragingMethod.Type] = [
  Mean.self,
  ExponentialMovingAverage.self,
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
