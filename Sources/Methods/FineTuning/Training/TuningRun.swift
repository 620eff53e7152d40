/// A run that advances epoch by epoch.
protocol TuningRun: AnyObject {
  /// Number of epochs done.
  var epoch: Int { get }

  /// The current result.
  var result: TailParameters { get }

  /// Advances by one epoch; nil when the run has converged and did not move.
  func trainEpoch(
    onStep: (StepRecord) throws -> Void
  ) throws -> (metrics: Metrics, learningRate: Double)?

  /// Receives the epoch's validation loss, or its training loss without validation.
  func observe(_ loss: Double)
}
