import Checkpoint

/// One checkpoint of a series, by the names its model gives to the tensors.
///
/// What wrappers put into names is taken off: `module.` of DataParallel and AveragedModel where every name begins with
/// it, and `_orig_mod.` of compiled models and parts of models wherever it stands, in any nesting.
public struct SeriesMember: Sendable {
  /// The open file.
  public let source: any CheckpointSource
  /// The tensors in the order of the file, without wrappers' names.
  public let tensors: [TensorSpec]
  /// What was taken off the beginning of every name.
  public let prefix: String
  /// Number of models behind this one: `n_averaged` of PyTorch's AveragedModel, else 1.
  public let modelCount: Double
  /// Whether the file is one of PyTorch's AveragedModel.
  public let isAveragedModel: Bool

  private struct Place {
    var index: Int
    var storedName: TensorName
  }

  private let places: [TensorName: Place]
  private let hasOtherNames: Bool

  /// - Parameters:
  ///   - source: An open checkpoint.
  ///   - isSelected: Which of its tensors count; the others might as well not be there.
  /// - Throws: `AveragingError.nameCollision` when two tensors have the same name without wrappers; `CheckpointError`
  ///   when a count of averaged models cannot be read.
  public init(
    _ source: any CheckpointSource, isSelected: (TensorName) -> Bool = { _ in true }
  ) throws {
    self.source = source
    let names = UnwrappedNames(source.tensors)
    prefix = names.prefix
    isAveragedModel = names.counter != nil
    if let counter = names.counter {
      // The count may stand anywhere among the data.
      if let stream = source as? StreamedCheckpoint { try stream.spool() }
      modelCount = max(1, try source.value(source.tensors[counter].name).doubles()[0])
    } else {
      modelCount = 1
    }
    var tensors: [TensorSpec] = []
    var places: [TensorName: Place] = [:]
    var hasOtherNames = false
    for (index, stored) in source.tensors.enumerated() where index != names.counter {
      let tensor = TensorSpec(
        name: TensorName(names.names[index]), dtype: stored.dtype, shape: stored.shape)
      guard isSelected(tensor.name) else { continue }
      let place = Place(index: tensors.count, storedName: stored.name)
      if let other = places.updateValue(place, forKey: tensor.name) {
        throw AveragingError.nameCollision(
          file: source.label, tensor.name, other.storedName, stored.name)
      }
      tensors.append(tensor)
      hasOtherNames = hasOtherNames || tensor.name != stored.name
    }
    self.tensors = tensors
    self.places = places
    self.hasOtherNames = hasOtherNames
  }

  /// The file's name in diagnostics.
  public var label: String { source.label }

  /// The last component of the path, for the provenance.
  public var name: String {
    source.label.split(separator: "/").last.map(String.init) ?? source.label
  }

  /// Element type and shape of a tensor.
  public func spec(_ name: TensorName) -> TensorSpec? { places[name].map { tensors[$0.index] } }

  /// The name of a tensor in the file.
  func storedName(_ name: TensorName) -> TensorName {
    hasOtherNames ? places[name]?.storedName ?? name : name
  }

  /// The tensors that share their data in this file.
  var tiedTensors: TiedTensors {
    let groups = source.tiedTensors
    if groups.isEmpty { return TiedTensors([]) }
    let names = Dictionary(uniqueKeysWithValues: places.map { ($0.value.storedName, $0.key) })
    return TiedTensors(groups.map { $0.compactMap { names[$0] } })
  }

  /// The stream that the data come from while they are read, if it is one.
  public var liveStream: StreamedCheckpoint? {
    guard let stream = source as? StreamedCheckpoint, stream.isLive else { return nil }
    return stream
  }

  /// Size of the files that the checkpoint is stored in.
  public var byteCount: Int {
    (source as? StreamedCheckpoint)?.byteCount ?? source.files.reduce(0) { $0 + $1.length }
  }

  /// Reads the bytes of a tensor, looking its name up once; thread safe.
  func reader(of name: TensorName) -> TensorReader { source.reader(of: storedName(name)) }

  /// The place of a tensor in `tensors`.
  func index(of name: TensorName) -> Int? { places[name]?.index }

  /// Whether the places in `tensors` are those in the file.
  var hasAllTensors: Bool { tensors.count == source.tensors.count }

  /// Reads the bytes of a tensor from `offset` on; thread safe.
  func read(_ name: TensorName, at offset: Int, into buffer: UnsafeMutableRawBufferPointer) throws {
    try source.read(storedName(name), at: offset, into: buffer)
  }

  /// All values of a small tensor, checked to be finite.
  func finiteValues(_ name: TensorName) throws -> [Double] {
    let value = try source.value(storedName(name))
    let values = try value.doubles()
    if let index = values.firstIndex(where: { !$0.isFinite }) {
      let spec = TensorSpec(name: name, dtype: value.dtype, shape: value.shape)
      throw AveragingError.notFinite(
        file: label, name, index: spec.index(of: index), value: values[index])
    }
    return values
  }
}
