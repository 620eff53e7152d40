/// Properties of a series that are known to a method before any tensor is read.
public struct Timeline: Sendable, Equatable {
  /// Names of the files in order.
  public let names: [String]
  /// Training steps of the checkpoints; nil when not requested.
  public let steps: [Double]?

  /// Number of models in each checkpoint.
  public let modelCounts: [Double]

  /// Number of checkpoints.
  public var count: Int { names.count }

  /// - Throws: `AveragingError.emptySeries`.
  public init(names: [String], steps: [Double]? = nil, modelCounts: [Double]? = nil) throws {
    guard !names.isEmpty else { throw AveragingError.emptySeries }
    precondition(steps == nil || steps!.count == names.count, "one step for every checkpoint")
    self.init(names: names, knownSteps: steps, modelCounts: modelCounts ?? names.map { _ in 1 })
  }

  /// Checkpoints that are already part of an average.
  ///
  /// - Throws: `AveragingError.emptySeries`.
  public init(_ inputs: [InputRecord]) throws {
    let steps = inputs.compactMap(\.step)
    try self.init(
      names: inputs.map(\.name), steps: steps.count == inputs.count ? steps : nil,
      modelCounts: inputs.map(\.modelCount))
  }

  /// This series after checkpoints that are already part of an average.
  ///
  /// - Throws: `AveragingError.stepsMissing` when one has training steps and the other has none.
  public func following(_ inputs: [InputRecord], method: String) throws -> Self {
    let earlier = inputs.compactMap(\.step)
    guard inputs.isEmpty || (earlier.count == inputs.count) == (steps != nil) else {
      throw AveragingError.stepsMissing(method: method)
    }
    return Self(
      names: inputs.map(\.name) + names, knownSteps: steps.map { earlier + $0 },
      modelCounts: inputs.map(\.modelCount) + modelCounts)
  }

  /// The last `count` checkpoints.
  public func suffix(_ count: Int) -> Self {
    Self(
      names: Array(names.suffix(count)), knownSteps: steps.map { Array($0.suffix(count)) },
      modelCounts: Array(modelCounts.suffix(count)))
  }

  private init(names: [String], knownSteps: [Double]?, modelCounts: [Double]) {
    self.names = names
    steps = knownSteps
    self.modelCounts = modelCounts
  }

  /// The steps, strictly increasing.
  ///
  /// - Throws: `AveragingError` when there are none, or one does not exceed its predecessor.
  func increasingSteps(for method: String) throws -> [Double] {
    guard let steps else { throw AveragingError.stepsMissing(method: method) }
    for index in steps.indices.dropFirst() where !(steps[index] > steps[index - 1]) {
      throw AveragingError.stepsNotIncreasing(
        file: names[index], step: steps[index], previous: steps[index - 1])
    }
    return steps
  }
}
