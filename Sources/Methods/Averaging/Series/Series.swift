import Checkpoint

/// Treatment of tensors that only some checkpoints have.
public enum KeyPolicy: String, CaseIterable, Sendable {
  /// Reported as an error.
  case identical
  /// Left out.
  case intersection
  /// Averaged over the checkpoints that have them.
  case union
}

/// The checkpoints to average, in order, checked to agree in element types and shapes, and in names as
/// requested.
///
/// ```swift
/// let files = ["epoch-1.safetensors", "epoch-2.safetensors"]
/// let series = try Series(files.map { try openCheckpoint(.path($0)) }, keys: .intersection)
/// print(series.members.count, series.tensors.count)
/// ```
public struct Series: Sendable {
  /// The checkpoints in order.
  public let members: [SeriesMember]
  /// The tensors to average, in the order of the last checkpoint that has them.
  public let tensors: [TensorSpec]
  /// The checkpoints that have a tensor, for tensors that are missing in some.
  private let partial: [TensorName: [Int]]
  /// True if every tensor has the same index in all files, the usual case.
  private let hasEqualPlaces: Bool

  /// - Parameters:
  ///   - sources: Open checkpoints.
  ///   - keys: Treatment of tensors that only some of them have.
  ///   - isSelected: True for tensors to average; the others are not even compared.
  /// - Throws: `AveragingError.emptySeries`, or the obstacle to averaging: a missing, additional or different
  ///   tensor, with the file that differs from the first one.
  public init(
    _ sources: [any CheckpointSource], keys: KeyPolicy = .identical,
    isSelected: (TensorName) -> Bool = { _ in true }
  ) throws {
    let members = sources.map { SeriesMember($0, isSelected: isSelected) }
    self.members = members
    guard let first = members.first, let last = members.last else { throw AveragingError.emptySeries }
    try Self.checkKeys(members)
    let isUniform = members.dropFirst().allSatisfy { $0.tensors == first.tensors }
    hasEqualPlaces = members.dropFirst().allSatisfy { $0.source.tensors == first.source.tensors }
    if !isUniform {
      if keys == .identical {
        for member in members.dropFirst() { try Self.checkNames(member, against: first) }
      }
      try Self.checkLayouts(members)
    }
    guard keys != .identical else {
      tensors = last.tensors
      partial = [:]
      return
    }
    var holders: [TensorName: [Int]] = [:]
    for (index, member) in members.enumerated() {
      for tensor in member.tensors { holders[tensor.name, default: []].append(index) }
    }
    partial = holders.filter { $0.value.count < members.count }
    let missing = partial
    if keys == .intersection {
      tensors = last.tensors.filter { missing[$0.name] == nil }
    } else {
      tensors = members.indices.reversed().flatMap { index in
        members[index].tensors.filter { (missing[$0.name]?.last ?? members.count - 1) == index }
      }
    }
  }

  /// The checkpoints that have a tensor, ascending; nil for all.
  func holders(of name: TensorName) -> [Int]? { partial[name] }

  /// Readers of a tensor for some checkpoints.
  func readers(of name: TensorName, in inputs: [Int]) -> [TensorReader] {
    guard hasEqualPlaces, let index = members[0].index(of: name) else {
      return inputs.map { members[$0].reader(of: name) }
    }
    return inputs.map { members[$0].source.reader(at: index) }
  }

  /// The tensors that share their data in every one of some checkpoints.
  func tiedTensors(in inputs: [Int]) -> TiedTensors {
    guard let first = inputs.first else { return TiedTensors([]) }
    return inputs.dropFirst().reduce(members[first].tiedTensors) { tied, index in
      tied.groups.isEmpty ? tied : tied.intersection(members[index].tiedTensors)
    }
  }

  /// Number of models that each checkpoint counts as in a mean: the count of an AveragedModel that is
  /// followed by single models. Several such files may be moving averages, which count as one model each.
  public var modelCounts: [Double] {
    guard members[0].isAveragedModel, !members.dropFirst().contains(where: \.isAveragedModel) else {
      return members.map { _ in 1 }
    }
    return members.map(\.modelCount)
  }

  /// The tensors that all checkpoints have.
  var common: [TensorSpec] { tensors.filter { partial[$0.name] == nil } }

  /// Averaged and raw weights of a training run have the same names: a mixture of both would go unnoticed.
  private static func checkKeys(_ members: [SeriesMember]) throws {
    let chosen = members.compactMap { member in
      member.source.origin.stateDict.map { (label: member.label, choice: $0) }
    }
    guard let first = chosen.first else { return }
    if let other = chosen.first(where: { $0.choice.isAverage != first.choice.isAverage }) {
      throw AveragingError.differentKeys(
        file: other.label, key: other.choice.key, reference: first.label, first.choice.key)
    }
  }

  private static func checkNames(_ member: SeriesMember, against first: SeriesMember) throws {
    if let missing = first.tensors.first(where: { member.spec($0.name) == nil }) {
      throw AveragingError.missingTensor(file: member.label, missing.name, reference: first.label)
    }
    if let extra = member.tensors.first(where: { first.spec($0.name) == nil }) {
      throw AveragingError.extraTensor(file: member.label, extra.name, reference: first.label)
    }
  }

  private static func checkLayouts(_ members: [SeriesMember]) throws {
    var known: [TensorName: TensorSpec] = [:]
    for member in members {
      for tensor in member.tensors {
        if let expected = known[tensor.name], expected != tensor {
          throw AveragingError.mismatch(
            file: member.label, tensor.name, expected: expected.layout, found: tensor.layout)
        }
        known[tensor.name] = tensor
      }
    }
  }
}

/// One checkpoint of a series.
public struct SeriesMember: Sendable {
  /// The open file.
  public let source: any CheckpointSource
  /// The tensors in use, in the order of the file.
  public let tensors: [TensorSpec]
  /// Prefix that wrappers had added to every name, such as `module.`.
  public var prefix: String { source.origin.wrapper }
  /// Number of models in this one: `n_averaged` of PyTorch's AveragedModel, else 1.
  public let modelCount: Double
  /// True for a file of PyTorch's AveragedModel.
  public let isAveragedModel: Bool

  /// - Parameters:
  ///   - source: An open checkpoint.
  ///   - isSelected: True for the tensors to use; the others are ignored.
  public init(_ source: any CheckpointSource, isSelected: (TensorName) -> Bool = { _ in true }) {
    self.source = source
    tensors = source.tensors.filter { isSelected($0.name) }
    let count = source.origin.averagedModelCount
    isAveragedModel = count != nil
    modelCount = count ?? 1
  }

  /// The file's name in diagnostics.
  public var label: String { source.label }

  /// The last component of the path, for the provenance.
  public var name: String {
    source.label.utf8.split(separator: UInt8(ascii: "/")).last.map { String(Substring($0)) } ?? source.label
  }

  /// Element type and shape of a tensor.
  public func spec(_ name: TensorName) -> TensorSpec? { source.spec(name) }

  /// The tensors that share their data in this file.
  var tiedTensors: TiedTensors {
    let groups = source.tiedTensors
    if groups.isEmpty { return TiedTensors([]) }
    let names = Set(tensors.map(\.name))
    return TiedTensors(groups.map { $0.filter(names.contains) })
  }

  /// The stream of the data while they are being read, if it is one.
  public var liveStream: StreamedCheckpoint? {
    guard let stream = source as? StreamedCheckpoint, stream.isLive else { return nil }
    return stream
  }

  /// Size of the files that the checkpoint is stored in.
  public var byteCount: Int {
    (source as? StreamedCheckpoint)?.byteCount ?? source.files.reduce(0) { $0 + $1.length }
  }

  /// A reader of a tensor's bytes that looks its name up once; thread safe.
  func reader(of name: TensorName) -> TensorReader { source.reader(of: name) }

  /// The index of a tensor among those of `source`.
  func index(of name: TensorName) -> Int? { source.index(of: name) }

  /// Reads the bytes of a tensor from `offset` on; thread safe.
  func read(_ name: TensorName, at offset: Int, into buffer: UnsafeMutableRawBufferPointer) throws {
    try source.read(name, at: offset, into: buffer)
  }

  /// All values of a small tensor, checked to be finite.
  func finiteValues(_ name: TensorName) throws -> [Double] {
    let value = try source.value(name)
    let values = try value.doubles()
    if let index = values.firstIndex(where: { !$0.isFinite }) {
      let spec = TensorSpec(name: name, dtype: value.dtype, shape: value.shape)
      throw AveragingError.notFinite(
        file: label, name, index: spec.index(of: index), value: values[index])
    }
    return values
  }
}
