/// All the state that a run needs to continue after an epoch as if it had never stopped.
public struct TuningState: Sendable, Equatable {
  /// Number of epochs done.
  public var epoch: Int
  /// The weights being trained, not their average.
  public var parameters: TailParameters
  /// State of the optimizer.
  public var optimizer: OptimizerState
  /// The average of the weights, one vector per trained tensor; empty without averaging.
  public var average: [[Double]]
  /// Number of weights in the average.
  public var averageCount: Int
  /// Best watched loss, epochs since, and reductions of the plateau schedule.
  public var plateau: PlateauWatch
  /// Best validation loss and epochs since, for early stopping.
  public var stopping: PlateauWatch
  /// The parameters at the best validation loss, if the run may stop early.
  public var best: TailParameters?
}
