import Checkpoint

/// A plan of the output, made before any data are read: its tensors and the operation for each.
///
/// ```swift
/// let series = try Series(files.map { try openCheckpoint(.path($0)) })
/// let method = try ExponentialMovingAverage(decay: 0.9)
/// let combination = try method.combination(of: Timeline(names: files))
/// let plan = try AveragingPlan(series, combination, options: .init(buffers: .latest, dtype: .f16))
/// print(plan.entries.count, plan.bytesToRead)
/// ```
public struct AveragingPlan: Sendable {
  /// Operation that produces one tensor.
  public enum Operation: Sendable, Equatable {
    /// Copy of this checkpoint's bytes.
    case copy(input: Int)
    /// This checkpoint's values, in the output's element type.
    case convert(input: Int)
    /// Combination over the series.
    case combine(Combination)
    /// Scales of this quantized tensor.
    case scales(of: TensorName)
    /// The bytes of the state that is continued.
    case keep
  }

  /// One tensor of the output.
  public struct Entry: Sendable, Equatable {
    /// The tensor as written.
    public let output: TensorSpec
    /// The tensor as read: complex elements as pairs of real ones, along a last axis of two.
    public let input: TensorSpec
    /// Operation that produces it.
    public let operation: Operation
    /// Quantization of its elements; nil where they are the weights themselves.
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

    /// True if the output is the average itself, not an accompanying tensor.
    var isAverage: Bool { output.name == input.name }

    /// True if the output's values cannot be negative.
    var isVariance: Bool { output.name.lastComponent == "running_var" && output.dtype != .c64 }
  }

  /// Options apart from the method's weights.
  public struct Options: Sendable {
    /// Treatment of running statistics.
    public var buffers: BufferRule
    /// Element type of the floating-point tensors; nil keeps each one's own; complex tensors always keep
    /// theirs.
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
  /// Combination of the weights.
  public let combination: Combination
  /// The newest checkpoint with a weight, the source of everything that is not averaged.
  public let latest: Int

  /// State that the sums continue from; nil for a new average.
  var state: AveragingState?

  /// - Throws: `AveragingError` when nothing has a weight, no tensor is selected, or weights are quantized in
  ///   an unknown form.
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
      // A tensor without any weighted checkpoint comes from the newest checkpoint that has it.
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

  /// A plan with known entries.
  init(
    series: Series, combination: Combination, latest: Int, entries: [Entry], state: AveragingState? = nil
  ) {
    self.series = series
    self.combination = combination
    self.latest = latest
    self.entries = entries
    self.state = state
  }

  /// This plan with its tensors in another order.
  func with(entries: [Entry]) -> Self {
    var plan = self
    plan.entries = entries
    return plan
  }

  /// True if the running statistics no longer fit the weights: several checkpoints are combined and the
  /// output has such statistics.
  public var makesBatchNormStale: Bool {
    combination.contributors.count > 1
      && entries.contains { TensorRole($0.output) == .runningStatistic }
  }

  /// The checkpoints that contribute to a tensor.
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

  /// True if the output of an entry is requantized, so that its scales must be known first.
  private func isRequantized(_ entry: Entry) -> Bool {
    entry.quantization != nil && entry.output.dtype == entry.input.dtype
  }

  /// Bytes of tensor data that are written.
  public var bytesToWrite: Int { entries.reduce(0) { $0 + $1.output.byteCount } }
}
