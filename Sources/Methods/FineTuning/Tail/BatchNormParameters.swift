/// The last BatchNorm's parameters and running statistics.
public struct BatchNormParameters: Sendable, Equatable {
  /// Scale γ, one per channel.
  public var gamma: [Float]
  /// Shift β, one per channel.
  public var beta: [Float]
  /// Running mean, kept in float64 over the run.
  public var runningMean: [Double]
  /// Running variance, unbiased where training updated it, kept in float64 over the run.
  public var runningVar: [Double]
  /// Number of training steps; nil when the checkpoint does not count them.
  public var numBatchesTracked: Int64?
  /// Added to the variance before the square root.
  public var eps: Double
  /// Weight of the newest batch in the running statistics.
  public var momentum: Double

  /// Counts of steps that a checkpoint may start from: up to 2^53 every element type that counts holds them exactly, and
  /// steps can be added without end.
  static let countersRange: ClosedRange<Int64> = 0...1 << 53

  /// - Parameters: values of the state dict; all arrays have one element per channel.
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
