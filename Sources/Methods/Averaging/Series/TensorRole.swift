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

/// The tensors of a checkpoint that share their data: a partition of their names.
struct TiedTensors {
  /// Disjoint groups of two or more names, sorted.
  let groups: [[TensorName]]

  /// - Parameter groups: Names that are tied to each other; groups with a common name are merged.
  init(_ groups: [[TensorName]]) {
    var parents: [TensorName: TensorName] = [:]
    func root(of name: TensorName) -> TensorName {
      var top = name
      while let next = parents[top], next != top { top = next }
      // Path compression: later searches along the same path are short.
      var position = name
      while let next = parents[position], next != top {
        parents[position] = top
        position = next
      }
      return top
    }
    for group in groups {
      guard let first = group.first else { continue }
      for name in group {
        if parents[name] == nil { parents[name] = name }
        let (a, b) = (root(of: first), root(of: name))
        if a != b { parents[b] = a }
      }
    }
    self.init(classes: parents.keys.map { ($0, root(of: $0)) })
  }

  /// Ties the names of equal classes.
  private init<Class: Hashable>(classes: [(name: TensorName, class: Class)]) {
    groups = Dictionary(grouping: classes, by: \.class).values.filter { $0.count > 1 }
      .map { $0.map(\.name).sorted() }.sorted { $0[0] < $1[0] }
  }

  /// The tensors that are tied in both.
  func intersection(_ other: Self) -> Self {
    var places: [TensorName: Int] = [:]
    for (place, group) in other.groups.enumerated() { for name in group { places[name] = place } }
    return Self(
      classes: groups.enumerated().flatMap { place, group in
        group.compactMap { name in places[name].map { (name, [place, $0]) } }
      })
  }
}
