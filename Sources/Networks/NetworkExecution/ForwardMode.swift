/// Statistics that BatchNorm normalizes with.
public enum ForwardMode: Sendable {
  /// The running statistics.
  case inference
  /// Mean and biased variance of the batch itself.
  case batchStatistics
}
