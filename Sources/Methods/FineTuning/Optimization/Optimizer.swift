import Platform

/// Changes parameters along their gradients.
protocol Optimizer: AnyObject {
  /// One step at `learningRate`; the order and number of parameters are the same at every call. The gradients'
  /// contents are undefined afterwards.
  func step(_ parameters: [Parameter], learningRate: Double, pool: ThreadPool)

  /// All that a later run needs to go on from here.
  var state: OptimizerState { get set }
}

/// What an optimiser remembers between steps.
public struct OptimizerState: Sendable, Equatable {
  /// Steps made.
  public var steps: Int
  /// Its vectors, in an order of its own; empty before the first step.
  public var slots: [[Float]]

  /// - Parameters:
  ///   - steps: steps made so far.
  ///   - slots: as an optimiser of the same kind gave them.
  public init(steps: Int, slots: [[Float]]) {
    self.steps = steps
    self.slots = slots
  }
}
