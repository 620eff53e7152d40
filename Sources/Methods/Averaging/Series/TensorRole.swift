import Checkpoint

/// Role of a tensor in a model, as far as averaging treats it differently.
public enum TensorRole: Sendable, Equatable {
  /// A weight, real or complex: averaged.
  case parameter
  /// A floating-point statistic of BatchNorm, `running_mean` or `running_var`: handled by the buffer rule.
  case runningStatistic
  /// Integers and booleans, and `num_batches_tracked` of any type: taken from the newest checkpoint.
  case counter

  /// The role according to name and element type.
  public init(_ tensor: TensorSpec) {
    switch tensor.dtype {
    case .bool, .u8, .i8, .u16, .i16, .u32, .i32, .u64, .i64:
      self = .counter
    // Elements of less than a byte belong to quantized weights, which have an average of their own or none.
    case .f4, .f6e2m3, .f6e3m2:
      self = .counter
    case .c64, .f8e5m2, .f8e4m3, .f8e8m0, .f8e4m3fnuz, .f8e5m2fnuz, .f16, .bf16, .f32, .f64:
      switch tensor.name.lastComponent {
      case "running_mean", "running_var": self = .runningStatistic
      case "num_batches_tracked": self = .counter
      default: self = .parameter
      }
    }
  }
}

extension TensorSpec {
  /// A view of the data as real numbers: complex elements are pairs of them, along a last axis of two.
  var components: TensorSpec {
    dtype == .c64 ? TensorSpec(name: name, dtype: .f32, shape: shape + [2]) : self
  }
}

extension TensorName {
  /// The part after the last dot.
  var lastComponent: Substring {
    let start = string.utf8.lastIndex(of: UInt8(ascii: ".")).map { string.utf8.index(after: $0) }
    return string[(start ?? string.startIndex)...]
  }
}

/// Treatment of floating-point buffers.
public enum BufferRule: String, CaseIterable, Sendable {
  /// Copied from the newest checkpoint with a weight.
  case latest
  /// Averaged like the weights.
  case average
}
