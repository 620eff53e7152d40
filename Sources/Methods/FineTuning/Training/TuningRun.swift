/// A run that advances epoch by epoch.
protocol TuningRun: AnyObject {
  /// Epochs done.
  var epoch: Int { get }

  /// What the run has arrived at.
  var result: TailParameters { get }

  /// Advances by one epoch; nil when the run has converged and did not move.
  func trainEpoch(
    onStep: (StepRecord) throws -> Void
  ) throws -> (metrics: Metrics, learningRate: Double)?

  /// Hears the epoch's validation loss, or training loss where there is none.
  func observe(_ loss: Double)
}
