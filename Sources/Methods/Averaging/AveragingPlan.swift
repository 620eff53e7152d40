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

  /// This plan for some of its tensors, in their order.
  ///
  /// - Throws: `AveragingError.unknownQuantization` for scales without the weights that they follow from.
  public func restricted(to tensors: [TensorSpec]) throws -> Self {
    let part = AveragingPass.arrange(self, tensors)
    let names = Set(tensors.map(\.name))
    for entry in part.entries {
      guard case .scales(let weight) = entry.operation, !names.contains(weight) else { continue }
      throw AveragingError.unknownQuantization(
        file: series.members[0].label, weight, reason: "quantised, and in another file than its scales")
    }
    return part
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

extension AveragingPlan {
  /// The output tensors of one input tensor.
  static func entries(
    for tensor: TensorSpec, _ combination: Combination, _ companions: [Companion], _ options: Options,
    latest: Int, quantization: Quantization?
  ) -> [Entry] {
    let role = TensorRole(tensor)
    var output = tensor
    if let dtype = options.dtype, tensor.dtype.isFloatingPoint || quantization != nil { output.dtype = dtype }
    let isAveraged =
      role == .parameter || quantization != nil || role == .runningStatistic && options.buffers == .average
    guard isAveraged else {
      return [
        Entry(
          output: output, input: tensor,
          operation: tensor.dtype.isFloatingPoint ? .convert(input: latest) : .copy(input: latest))
      ]
    }
    let average = Entry(
      output: output, input: tensor, operation: .combine(combination), quantization: quantization)
    guard role != .runningStatistic else { return [average] }
    // Deviations and variances are far smaller than the weights, and would be lost in types of few bits.
    let wide: DType = output.dtype == .f64 ? .f64 : .f32
    return [average]
      + companions.map {
        let name = TensorName(tensor.name.string + $0.suffix)
        return Entry(
          output: TensorSpec(name: name, dtype: wide, shape: tensor.components.shape), input: tensor,
          operation: .combine($0.combination), quantization: quantization)
      }
  }

  /// The entries of a quantized tensor, or of the scales of one.
  ///
  /// A single checkpoint is copied. Otherwise scales are recomputed, or omitted where the output is no longer
  /// quantized.
  static func quantizedEntries(
    for tensor: TensorSpec, _ quantized: [TensorName: Quantization], _ combination: Combination,
    _ companions: [Companion], _ options: Options, latest: Int
  ) -> [Entry] {
    if combination.isOneCheckpoint && companions.isEmpty && options.dtype == nil {
      return [Entry(output: tensor, input: tensor, operation: .copy(input: latest))]
    }
    if let quantization = quantized[tensor.name] {
      return entries(
        for: tensor, combination, companions, options, latest: latest, quantization: quantization)
    }
    guard options.dtype == nil, let weight = quantized.first(where: { $0.value.scale.name == tensor.name })
    else { return [] }
    return [Entry(output: tensor, input: tensor, operation: .scales(of: weight.key))]
  }
}

extension Combination {
  /// True if the result is one of the checkpoints.
  var isOneCheckpoint: Bool {
    guard case .linear(let linear) = self else { return false }
    let contributors = linear.contributors
    return contributors.count == 1 && linear.weights[contributors[0]] == 1
  }
}

/// The metadata of an average.
public struct MergedMetadata: Sendable, Equatable {
  /// Metadata of the output, apart from its own provenance.
  public let metadata: Metadata
  /// Keys of these tools on which the inputs disagree; they are not in the output.
  public let dropped: [String]

  /// Keys that begin with `ckpt.` are kept when all weighted checkpoints agree on them; others come from the
  /// newest of these. `ckpt.bn` becomes `stale` when the running statistics no longer fit the weights, and
  /// `ckpt.tied` lists the tensors that share their data in all of the checkpoints.
  public init(_ plan: AveragingPlan) {
    let contributors = Set(plan.combination.contributors + plan.entries.flatMap(plan.contributors)).sorted()
    let outputs = Set(plan.entries.map(\.output.name))
    self.init(
      contributors.map { plan.series.members[$0].source.standaloneMetadata },
      tied: plan.series.tiedTensors(in: contributors).groups.map { $0.filter(outputs.contains) },
      isStale: plan.makesBatchNormStale)
  }

  init(_ inputs: [Metadata], tied: [[TensorName]], isStale: Bool = false) {
    var merged = inputs[inputs.count - 1]
    let own = Set(inputs.flatMap { $0.sortedEntries.map { TensorName($0.key) } }).sorted().map(\.string)
      .filter { $0.hasPrefix(MetadataKey.prefix) }
    var dropped: [String] = []
    for key in own where Set(inputs.map { $0[key].map { TensorName($0) } }).count > 1 {
      merged[key] = nil
      dropped.append(key)
    }
    if isStale {
      merged[MetadataKey.batchNorm] = MetadataKey.BatchNormState.stale
      dropped.removeAll { $0 == MetadataKey.batchNorm }
    }
    merged.tiedTensors = tied
    dropped.removeAll { $0 == MetadataKey.tied }
    metadata = merged
    self.dropped = dropped
  }
}
