/// What a method knows about a series before any tensor is read.
public struct Timeline: Sendable, Equatable {
  /// Names of the files in order.
  public let names: [String]
  /// Training steps of the checkpoints, strictly increasing; nil when not asked for.
  public let steps: [Double]?

  /// Number of checkpoints.
  public var count: Int { names.count }

  /// - Throws: `AveragingError` when there is no checkpoint, or the steps do not fit or do not increase.
  public init(names: [String], steps: [Double]? = nil) throws {
    guard !names.isEmpty else { throw AveragingError.emptySeries }
    if let steps {
      for index in steps.indices.dropFirst() where !(steps[index] > steps[index - 1]) {
        throw AveragingError.stepsNotIncreasing(
          file: names[index], step: steps[index], previous: steps[index - 1])
      }
    }
    self.names = names
    self.steps = steps
  }
}
