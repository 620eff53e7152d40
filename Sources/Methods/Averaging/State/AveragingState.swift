import Checkpoint

/// The sums of an average, in a file, to which further checkpoints can be added.
///
/// ```swift
/// let state = try AveragingState(openCheckpoint(.path("ema.state")))
/// let timeline = try Timeline(names: newNames).following(state.inputs, method: "ema")
/// let update = try StateUpdate(
///   state, adding: series, method: method, timeline: timeline, settings: state.settings, options: .init())
/// try AveragingPass([update.plan]).run(into: [writer], pool: pool)
/// ```
///
/// The file is safetensors: averaged tensors as unrounded float64 sums, the others as in the newest
/// checkpoint, and under `ckpt.state` the inputs and settings. Any program can read it.
public struct AveragingState: Sendable {
  static let key = MetadataKey.averagingState
  static let schema = 1

  /// The open file.
  public let source: any CheckpointSource
  /// The checkpoints that are in the sums, in order.
  public let inputs: [InputRecord]
  /// The method and its options.
  public let settings: JSON
  /// The tensors as in the checkpoints.
  let layout: [TensorSpec]
  /// The tensors that are sums in the file.
  let averaged: Set<TensorName>
  /// Pending factor of the sums: checkpoints without a weight leave the sums alone.
  let keep: Double
  /// The metadata of an average of the checkpoints so far, apart from its provenance.
  let metadata: Metadata
  /// Number of checkpoints with a weight.
  let contributorCount: Int

  /// True if a file is meant to be a state.
  public static func isState(_ source: any CheckpointSource) -> Bool { source.metadata[key] != nil }

  /// - Throws: `CheckpointError`, `AveragingError.notAState`.
  public init(_ source: any CheckpointSource) throws {
    func fail(_ reason: String) -> AveragingError { .notAState(file: source.label, reason: reason) }
    let json = try StateFile(source, key: Self.key, fail: fail).header
    guard json["schema"]?.intValue == Self.schema else {
      throw fail("it was written by another version of the tool")
    }
    guard let settings = json["settings"], let keep = json["keep"]?.doubleValue,
      let inputs = json["inputs"]?.arrayValue?.map({ InputRecord($0) }), inputs.allSatisfy({ $0 != nil }),
      let types = json["types"]?.objectValue, let entries = json["metadata"]?.objectValue,
      let contributors = json["contributors"]?.intValue
    else { throw fail("its \"\(Self.key)\" is damaged") }
    self.source = source
    self.settings = settings
    self.keep = keep
    self.inputs = inputs.map { $0! }
    contributorCount = contributors
    var metadata = Metadata()
    for (key, value) in entries { metadata[key] = value.stringValue }
    self.metadata = metadata
    let typeOf = Dictionary(
      types.map { (TensorName($0.0), $0.1.stringValue.flatMap { DType(name: $0) }) },
      uniquingKeysWith: { first, _ in first })
    // Both follow from the checkpoints' parts, in whatever runs these were added.
    let parts = self.inputs.map(\.part)
    let pending = parts.reduce(1) { $1.add == 0 ? $0 * $1.keep : 1 }
    guard keep == pending, keep != 0, contributors > 0, contributors == parts.count(where: { $0.add != 0 }),
      typeOf.count == types.count, entries.allSatisfy({ $0.1.stringValue != nil })
    else { throw fail("its \"\(Self.key)\" is damaged") }
    layout = try source.tensors.map { tensor in
      guard let type = typeOf[tensor.name] else { return tensor }
      guard let type, tensor.dtype == .f64 else { throw fail("tensor \"\(tensor.name)\" is no sum") }
      // Sums of complex numbers are pairs along a last axis of two.
      let isPair = type == .c64
      guard !isPair || tensor.shape.last == 2 else {
        throw fail("tensor \"\(tensor.name)\" of shape \(tensor.shape) is no sum of \(type)")
      }
      let spec = TensorSpec(
        name: tensor.name, dtype: type, shape: isPair ? tensor.shape.dropLast() : tensor.shape)
      guard TensorRole(spec) != .counter, spec.components.shape == tensor.shape else {
        throw fail("tensor \"\(tensor.name)\" is no sum of \(type)")
      }
      return spec
    }
    averaged = Set(typeOf.keys)
    guard averaged.allSatisfy({ source.spec($0) != nil }) else { throw fail("a sum is missing") }
  }

  /// The value of `ckpt.state` in the file.
  static func text(
    settings: JSON, keep: Double, inputs: [InputRecord], averaged: [TensorSpec], metadata: Metadata,
    contributorCount: Int
  ) -> String {
    JSON.object([
      ("schema", JSON(schema)), ("settings", settings), ("keep", JSON(keep)),
      ("contributors", JSON(contributorCount)), ("inputs", .array(inputs.map(\.json))),
      (
        "types",
        .object(averaged.sorted { $0.name < $1.name }.map { ($0.name.string, .string($0.dtype.name)) })
      ),
      ("metadata", .object(metadata.sortedEntries.map { ($0.key, .string($0.value)) })),
    ]).encoded()
  }
}

extension AveragingState {
  /// - Throws: `AveragingError.stateMismatch` for the first setting that differs.
  public func check(_ expected: JSON) throws {
    let (old, new) = (settings.objectValue ?? [], expected.objectValue ?? [])
    for key in (new + old).map({ $0.0 }) {
      let (a, b) = (settings[key], expected[key])
      if a != b {
        throw AveragingError.stateMismatch(
          file: source.label, what: key, expected: a?.encoded() ?? "unset", found: b?.encoded() ?? "unset")
      }
    }
  }

  /// Number of checkpoints at the beginning that are already in the sums.
  ///
  /// - Throws: `AveragingError.alreadyCounted` for one that comes after new ones.
  public func countedPrefix(_ members: [SeriesMember]) throws -> Int {
    let known = Set(inputs.map(\.fingerprint))
    let isKnown = try members.map { known.contains(try $0.fingerprint()) }
    let count = isKnown.firstIndex(of: false) ?? members.count
    if let later = isKnown[count...].firstIndex(of: true) {
      throw AveragingError.alreadyCounted(file: members[later].label, state: source.label)
    }
    return count
  }

  /// - Throws: `AveragingError` for a tensor that the checkpoints in the sums lack or have in another form.
  func checkLayout(_ tensors: [TensorSpec], file: String) throws {
    let own = Dictionary(layout.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
    for tensor in tensors {
      guard let expected = own[tensor.name] else {
        throw AveragingError.extraTensor(file: file, tensor.name, reference: source.label)
      }
      if expected != tensor {
        throw AveragingError.mismatch(
          file: file, tensor.name, expected: expected.layout, found: tensor.layout)
      }
    }
    let names = Set(tensors.map(\.name))
    if let missing = layout.first(where: { !names.contains($0.name) }) {
      throw AveragingError.missingTensor(file: file, missing.name, reference: source.label)
    }
  }
}

extension AveragingState {
  /// The average of the checkpoints in the sums, rounded as in one run.
  ///
  /// - Parameters:
  ///   - combination: Combination of all of them.
  ///   - dtype: Element type of the floating-point tensors; nil keeps each one's own.
  public func result(_ combination: LinearCombination, dtype: DType?) throws -> AveragingPlan {
    let sum = Combination.linear(
      LinearCombination(steps: [.init(keep: 0, add: 1)], divisor: combination.divisor / keep))
    let entries = layout.map { tensor -> AveragingPlan.Entry in
      var output = tensor
      if let dtype, tensor.dtype.isFloatingPoint { output.dtype = dtype }
      let input = source.spec(tensor.name)!
      let operation: AveragingPlan.Operation =
        averaged.contains(tensor.name)
        ? .combine(sum) : tensor.dtype.isFloatingPoint ? .convert(input: 0) : .copy(input: 0)
      return AveragingPlan.Entry(output: output, input: input, operation: operation)
    }
    return AveragingPlan(
      series: try Series([source]), combination: sum, latest: 0, entries: entries)
  }

  /// The metadata of the result, apart from its provenance.
  public var resultMetadata: Metadata {
    var metadata = metadata
    if contributorCount > 1, layout.contains(where: { TensorRole($0) == .runningStatistic }) {
      metadata[MetadataKey.batchNorm] = MetadataKey.BatchNormState.stale
    }
    return metadata
  }
}
