import Platform

/// Updates parameters along their gradients.
protocol Optimizer: AnyObject {
  /// One step at `learningRate` times each parameter's own factor; the order and number of parameters are the same at every call. The
  /// gradients' contents are undefined afterwards.
  func step(_ parameters: [TrainableParameter], learningRate: Double, pool: ThreadPool)

  /// All the state that a later run needs to continue from here.
  var state: OptimizerState { get set }
}

/// State of an optimizer between steps.
public struct OptimizerState: Sendable, Equatable {
  /// Steps made.
  public var steps: Int
  /// State vectors, in the optimizer's own order; empty before the first step.
  public var slots: [[Float]]

  /// - Parameters:
  ///   - steps: steps made so far.
  ///   - slots: state vectors of an optimizer of the same kind.
  public init(steps: Int, slots: [[Float]]) {
    self.steps = steps
    self.slots = slots
  }
}
