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
    /// The scales of this quantised tensor.
    case scales(of: TensorName)
    /// The bytes of the state that is continued.
    case keep
  }

  /// One tensor of the output.
  public struct Entry: Sendable, Equatable {
    /// As it is written.
    public let output: TensorSpec
    /// As it is read: complex elements as pairs of real ones, along a last axis of two.
    public let input: TensorSpec
    /// How it is made.
    public let operation: Operation
    /// How its elements stand for weights, where they do not do so themselves.
    public let quantization: Quantization?

    init(
      output: TensorSpec, input: TensorSpec, operation: Operation, quantization: Quantization? = nil
    ) {
      self.output = output
      self.input = input.components
      self.operation = operation
      self.quantization = quantization
    }

    /// The type of the numbers that the output is rounded to.
    var outputType: DType { output.components.dtype }

    /// Whether the output is the average itself rather than a tensor beside it.
    var isAverage: Bool { output.name == input.name }

    /// Whether the output's numbers cannot be below zero.
    var isVariance: Bool { output.name.lastComponent == "running_var" && output.dtype != .c64 }
  }

  /// What to do beside the method's weights.
  public struct Options: Sendable {
    /// What becomes of running statistics.
    public var buffers: BufferRule
    /// Element type of the floating-point tensors; nil keeps each one's own, as complex tensors always do.
    public var dtype: DType?

    /// The defaults: newest buffers, element types kept.
    public init(buffers: BufferRule = .latest, dtype: DType? = nil) {
      self.buffers = buffers
      self.dtype = dtype
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

  /// Where sums go on from; nil when they begin.
  var state: AveragingState?

  /// - Throws: `AveragingError` when nothing has a weight, no tensor is selected, or weights are quantised in a way that
  ///   is not known.
  public init(
    _ series: Series, _ combination: Combination, companions: [Companion] = [], options: Options = Options()
  ) throws {
    if let name = series.tensors.first(where: { series.holders(of: $0.name) != nil })?.name {
      guard case .linear = combination, companions.isEmpty else {
        throw AveragingError.unionNeedsWeights(name)
      }
    }
    guard let latest = combination.contributors.last else { throw AveragingError.allWeightsZero }
    self.series = series
    self.combination = combination
    self.latest = latest
    let selected = series.tensors
    let quantized = try Quantization.find(in: selected, file: series.members[0].label)
    let scales = Set(quantized.values.map(\.scale.name))
    entries = selected.flatMap { tensor in
      if quantized[tensor.name] != nil || scales.contains(tensor.name) {
        return Self.quantizedEntries(
          for: tensor, quantized, combination, companions, options, latest: latest)
      }
      guard let holders = series.holders(of: tensor.name), case .linear(let linear) = combination else {
        return Self.entries(
          for: tensor, combination, companions, options, latest: latest, quantization: nil)
      }
      // A tensor that no checkpoint with a weight has is the newest there is.
      let part = linear.restricted(to: holders) ?? .only(holders[holders.count - 1], of: series.members.count)
      return Self.entries(
        for: tensor, .linear(part), [], options, latest: part.contributors.last!, quantization: nil)
    }
    if let partial = selected.first(where: {
      (quantized[$0.name] != nil || scales.contains($0.name)) && series.holders(of: $0.name) != nil
    }) {
      throw AveragingError.unknownQuantization(
        file: series.members[0].label, partial.name, reason: "quantised, and not in every checkpoint")
    }
    if entries.isEmpty { throw AveragingError.noTensors }
  }

  /// A plan whose entries are known.
  init(
    series: Series, combination: Combination, latest: Int, entries: [Entry], state: AveragingState? = nil
  ) {
    self.series = series
    self.combination = combination
    self.latest = latest
    self.entries = entries
    self.state = state
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

  /// The checkpoints that a tensor is made of.
  func contributors(to entry: Entry) -> [Int] {
    switch entry.operation {
    case .copy(let input), .convert(let input): [input]
    case .combine(let combination): combination.contributors
    case .scales, .keep: []
    }
  }

  /// Bytes of tensor data that are read.
  public var bytesToRead: Int {
    entries.reduce(0) { $0 + (isRequantized($1) ? 2 : 1) * contributors(to: $1).count * $1.input.byteCount }
  }

  /// Whether the output of an entry is quantised anew, so that its scales must be known first.
  private func isRequantized(_ entry: Entry) -> Bool {
    entry.quantization != nil && entry.output.dtype == entry.input.dtype
  }

  /// Bytes of tensor data that are written.
  public var bytesToWrite: Int { entries.reduce(0) { $0 + $1.output.byteCount } }
}
