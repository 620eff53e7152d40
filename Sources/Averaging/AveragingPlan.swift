import Checkpoint

/// Everything that is known before the data are read: the output's tensors and how each one comes about.
public struct AveragingPlan: Sendable {
  /// How one tensor is made.
  public enum Operation: Sendable, Equatable {
    /// The bytes of this checkpoint.
    case copy(input: Int)
    /// The values of this checkpoint, in the output's element type.
    case convert(input: Int)
    /// Combined over the series.
    case combine(Combination)
  }

  /// One tensor of the output.
  public struct Entry: Sendable, Equatable {
    /// As it is written.
    public let output: TensorSpec
    /// As it is read.
    public let input: TensorSpec
    /// How it is made.
    public let operation: Operation
  }

  /// What to do beside the method's weights.
  public struct Options: Sendable {
    /// What becomes of running statistics.
    public var buffers: BufferRule
    /// Element type of the floating-point tensors; nil keeps each one's own.
    public var dtype: DType?
    /// Which tensors go into the output.
    public var isSelected: @Sendable (TensorName) -> Bool

    /// The defaults: newest buffers, element types kept, every tensor.
    public init(
      buffers: BufferRule = .latest, dtype: DType? = nil,
      isSelected: @escaping @Sendable (TensorName) -> Bool = { _ in true }
    ) {
      self.buffers = buffers
      self.dtype = dtype
      self.isSelected = isSelected
    }
  }

  /// The checkpoints that are read.
  public let series: Series
  /// The output's tensors, in the order of the newest checkpoint.
  public private(set) var entries: [Entry]
  /// How weights are combined.
  public let combination: Combination
  /// The newest checkpoint with a weight: it gives what is not averaged.
  public let latest: Int

  /// - Throws: `AveragingError` when nothing has a weight or no tensor is selected.
  public init(_ series: Series, _ combination: Combination, options: Options = Options()) throws {
    guard let latest = combination.contributors.last else { throw AveragingError.allWeightsZero }
    self.series = series
    self.combination = combination
    self.latest = latest
    entries = series.tensors.filter { options.isSelected($0.name) }.map { tensor in
      let role = TensorRole(tensor)
      var output = tensor
      if let dtype = options.dtype, tensor.dtype.isFloatingPoint { output.dtype = dtype }
      let operation: Operation =
        if role == .parameter || role == .runningStatistic && options.buffers == .average {
          .combine(combination)
        } else if tensor.dtype.isFloatingPoint {
          .convert(input: latest)
        } else {
          .copy(input: latest)
        }
      return Entry(output: output, input: tensor, operation: operation)
    }
    if entries.isEmpty { throw AveragingError.noTensors }
  }

  /// The same plan with its tensors in another order.
  func with(entries: [Entry]) -> Self {
    var plan = self
    plan.entries = entries
    return plan
  }

  /// Whether running statistics belong to none of the weights any more: several checkpoints are combined and the
  /// output has such statistics.
  public var makesBatchNormStale: Bool {
    combination.contributors.count > 1
      && entries.contains { TensorRole($0.output) == .runningStatistic }
  }

  /// Bytes of tensor data that are read.
  public var bytesToRead: Int {
    entries.reduce(0) { sum, entry in
      let readers =
        switch entry.operation {
        case .copy, .convert: 1
        case .combine(let combination): combination.contributors.count
        }
      return sum + readers * entry.input.byteCount
    }
  }

  /// Bytes of tensor data that are written.
  public var bytesToWrite: Int { entries.reduce(0) { $0 + $1.output.byteCount } }
}
