/// The last BatchNorm's parameters and running statistics.
public struct BatchNormParameters: Sendable, Equatable {
  /// Scale γ and shift β, one per channel.
  public var gamma: [Float]
  public var beta: [Float]
  /// Running mean and unbiased running variance, kept in float64 over the run and rounded once at its end.
  public var runningMean: [Double]
  public var runningVar: [Double]
  /// Training steps counted so far; nil when the checkpoint does not count.
  public var numBatchesTracked: Int64?
  public var eps: Double
  /// Weight of the newest batch in the running statistics.
  public var momentum: Double

  /// - Parameters: as the state dict holds them; all arrays have one element per channel.
  public init(
    gamma: [Float], beta: [Float], runningMean: [Double], runningVar: [Double],
    numBatchesTracked: Int64?, eps: Double, momentum: Double
  ) {
    self.gamma = gamma
    self.beta = beta
    self.runningMean = runningMean
    self.runningVar = runningVar
    self.numBatchesTracked = numBatchesTracked
    self.eps = eps
    self.momentum = momentum
  }
}
