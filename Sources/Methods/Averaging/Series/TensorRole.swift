import Checkpoint

/// What a tensor is in a model, as far as averaging treats it differently.
public enum TensorRole: Sendable, Equatable {
  /// A weight: averaged.
  case parameter
  /// A floating-point statistic of BatchNorm, `running_mean` or `running_var`: handled by the buffer rule.
  case runningStatistic
  /// Integers, booleans and whatever else has no average, such as `num_batches_tracked`: the newest.
  case counter

  /// The role that name and element type tell.
  public init(_ tensor: TensorSpec) {
    guard tensor.dtype.isFloatingPoint else {
      self = .counter
      return
    }
    switch tensor.name.lastComponent {
    case "running_mean", "running_var": self = .runningStatistic
    case "num_batches_tracked": self = .counter
    default: self = .parameter
    }
  }
}

extension TensorName {
  /// What follows the last dot.
  var lastComponent: Substring {
    let start = string.utf8.lastIndex(of: UInt8(ascii: ".")).map { string.utf8.index(after: $0) }
    return string[(start ?? string.startIndex)...]
  }
}

/// What becomes of floating-point buffers.
public enum BufferRule: String, CaseIterable, Sendable {
  /// They are those of the newest checkpoint that has a weight.
  case latest
  /// They are averaged like the weights.
  case average
}
