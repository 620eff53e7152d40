import Checkpoint

/// The next state of an average: the previous sums plus further checkpoints.
public struct StateUpdate: Sendable {
  /// Plan of the tensors to read and write.
  public let plan: AveragingPlan
  /// Combination of all checkpoints so far.
  public let combination: LinearCombination
  private let state: AveragingState?
  private let records: [InputRecord]
  private let settings: JSON
  private let keep: Double
  private let averaged: [TensorSpec]

  /// - Parameters:
  ///   - state: Previous state; nil at the beginning.
  ///   - series: The further checkpoints.
  ///   - method: Averaging method.
  ///   - timeline: All checkpoints, those in the state first.
  ///   - settings: The method and options, which must be equal whenever the state is continued.
  ///   - options: Treatment of buffers, and element type of the output.
  /// - Throws: `AveragingError` for a method that needs all checkpoints at once, and for checkpoints that do
  ///   not fit.
  public init(
    _ state: AveragingState?, adding series: Series, method: any AveragingMethod, timeline: Timeline,
    settings: JSON, options: AveragingPlan.Options
  ) throws {
    let selected = series.tensors
    try state?.checkLayout(selected, file: series.members[0].label)
    let combination = try Self.combination(method, timeline, state)
    let old = state?.inputs.count ?? 0
    var pending = state?.keep ?? 1
    // Every checkpoint with a weight takes the factors of the unweighted ones before it.
    let steps = combination.steps[old...].map { step in
      pending *= step.keep
      guard step.add != 0 else { return LinearCombination.Update(keep: 1, add: 0) }
      defer { pending = 1 }
      return LinearCombination.Update(keep: pending, add: step.add)
    }
    let linear = Combination.linear(LinearCombination(steps: steps))
    keep = pending
    self.state = state
    self.combination = combination
    self.settings = settings
    let latest = linear.contributors.last
    guard state != nil || latest != nil else { throw AveragingError.allWeightsZero }
    if let quantized = try Quantization.find(in: selected, file: series.members[0].label).keys.min() {
      throw AveragingError.unknownQuantization(
        file: series.members[0].label, quantized,
        reason: "quantized, which an average that is continued cannot be")
    }
    let isAveraged = { (tensor: TensorSpec) in
      let role = TensorRole(tensor)
      return role == .parameter || role == .runningStatistic && options.buffers == .average
    }
    averaged = selected.filter(isAveraged)
    let entries = selected.map { tensor -> AveragingPlan.Entry in
      if isAveraged(tensor) {
        let sum = TensorSpec(name: tensor.name, dtype: .f64, shape: tensor.components.shape)
        return .init(output: sum, input: tensor, operation: .combine(linear))
      }
      guard let latest else { return .init(output: tensor, input: tensor, operation: .keep) }
      return .init(
        output: tensor, input: tensor,
        operation: tensor.dtype.isFloatingPoint ? .convert(input: latest) : .copy(input: latest))
    }
    if entries.isEmpty { throw AveragingError.noTensors }
    plan = AveragingPlan(
      series: series, combination: linear, latest: latest ?? 0, entries: entries, state: state)
    records = try series.members.enumerated().map { index, member in
      try InputRecord(member, timeline, old + index, part: combination.steps[old + index])
    }
  }

  /// The combination of all checkpoints so far.
  ///
  /// - Parameters:
  ///   - method: Averaging method.
  ///   - timeline: All checkpoints, those in the state first.
  ///   - state: Previous state; nil at the beginning.
  /// - Throws: `AveragingError.stateMismatch` when the weights of those in the state are not the ones of this
  ///   method.
  public static func combination(
    _ method: any AveragingMethod, _ timeline: Timeline, _ state: AveragingState?
  ) throws -> LinearCombination {
    var combination = try method.continuableCombination(of: timeline)
    guard let state else { return combination }
    for (index, input) in state.inputs.enumerated() {
      let new = combination.steps[index]
      // Mathematical functions differ between systems in the last digit.
      func agree(_ a: Double, _ b: Double) -> Bool { abs(a - b) <= 1e-12 * max(abs(a), abs(b)) }
      guard agree(new.keep, input.part.keep), agree(new.add, input.part.add) else {
        throw AveragingError.stateMismatch(
          file: state.source.label, what: "a weight for \(TensorName(input.name).escaped) of",
          expected: "\(input.part.add)", found: "\(new.add)")
      }
      combination.steps[index] = input.part
    }
    return combination
  }

  /// The metadata of the new state.
  ///
  /// - Parameter digests: Digests of the further checkpoints.
  public func metadata(digests: [String]?) -> Metadata {
    var records = records
    for (index, digest) in (digests ?? []).enumerated() { records[index].digest = digest }
    let new = plan.combination.contributors
    let merged = MergedMetadata(
      (state.map { [$0.metadata] } ?? []) + new.map { plan.series.members[$0].source.metadata },
      tied: tied(new))
    var metadata = Metadata()
    metadata[AveragingState.key] = AveragingState.text(
      settings: settings, keep: keep, inputs: (state?.inputs ?? []) + records, averaged: averaged,
      metadata: merged.metadata, contributorCount: (state?.contributorCount ?? 0) + new.count)
    return metadata
  }

  private func tied(_ new: [Int]) -> [[TensorName]] {
    guard let state else { return plan.series.tiedTensors(in: new).groups }
    let old = TiedTensors(state.metadata.tiedTensors)
    return new.isEmpty ? old.groups : old.intersection(plan.series.tiedTensors(in: new)).groups
  }
}

extension AveragingMethod {
  /// The combination of a series that can be continued: a sum with steps that do not depend on later
  /// checkpoints.
  ///
  /// - Throws: `AveragingError.notContinuable`.
  func continuableCombination(of timeline: Timeline) throws -> LinearCombination {
    guard isContinuable(over: timeline), case .linear(let linear) = try combination(of: timeline),
      try companions(of: timeline).isEmpty
    else { throw AveragingError.notContinuable(method: Self.name) }
    return linear
  }
}

/// Record of a checkpoint that has become part of an average.
public struct InputRecord: Sendable, Equatable {
  /// The file's name without folders.
  public var name: String
  /// Size of its files.
  public var size: Int
  /// Digest of its bytes, in hexadecimal; nil when not requested.
  public var digest: String?
  /// Identifies the tensors without reading all of them.
  var fingerprint: String
  /// Its training step; nil when the method does not need it.
  public var step: Double?
  /// Number of models in it.
  public var modelCount: Double
  /// Its step of the sum.
  var part: LinearCombination.Update

  /// A record of a checkpoint of a series.
  init(_ member: SeriesMember, _ timeline: Timeline, _ index: Int, part: LinearCombination.Update) throws {
    name = member.name
    size = member.byteCount
    // Of all tensors, selected or not.
    fingerprint = try SeriesMember(member.source).fingerprint()
    step = timeline.steps?[index]
    modelCount = timeline.modelCounts[index]
    self.part = part
  }
}

extension InputRecord {
  init?(_ json: JSON) {
    guard let name = json["name"]?.stringValue, let size = json["size"]?.intValue,
      let fingerprint = json["fingerprint"]?.stringValue, let modelCount = json["models"]?.doubleValue,
      let keep = json["keep"]?.doubleValue, let add = json["add"]?.doubleValue, size >= 0, modelCount > 0
    else { return nil }
    // Both may be left out, but are never something else.
    let (digest, step) = (json["digest"], json["step"])
    guard (digest == nil) == (digest?.stringValue == nil), (step == nil) == (step?.doubleValue == nil) else {
      return nil
    }
    part = .init(keep: keep, add: add)
    self.name = name
    self.size = size
    self.fingerprint = fingerprint
    self.modelCount = modelCount
    self.digest = digest?.stringValue
    self.step = step?.doubleValue
  }

  var json: JSON {
    var members: [(String, JSON)] = [
      ("name", .string(name)), ("size", JSON(size)), ("fingerprint", .string(fingerprint)),
      ("models", JSON(modelCount)), ("keep", JSON(part.keep)), ("add", JSON(part.add)),
    ]
    if let digest { members.append(("digest", .string(digest))) }
    if let step { members.append(("step", JSON(step))) }
    return .object(members)
  }
}

extension SeriesMember {
  /// CRC-32 over names and the ends of all tensors: two checkpoints of one training run differ in some of
  /// them, since optimizers change every weight.
  func fingerprint() throws -> String {
    var checksum: UInt32 = 0
    func add(_ bytes: UnsafeRawBufferPointer) { checksum = crc32(bytes, continuing: checksum) }
    var buffer = [UInt8](repeating: 0, count: 256)
    for tensor in tensors.sorted(by: { $0.name < $1.name }) {
      var name = tensor.name.string
      name.withUTF8 { add(UnsafeRawBufferPointer($0)) }
      let count = min(buffer.count, tensor.byteCount)
      try buffer.withUnsafeMutableBytes {
        let part = UnsafeMutableRawBufferPointer(rebasing: $0[..<count])
        try read(tensor.name, at: tensor.byteCount - count, into: part)
        add(UnsafeRawBufferPointer(part))
      }
    }
    return hexadecimal(checksum)
  }
}
