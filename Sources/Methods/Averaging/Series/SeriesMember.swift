import Checkpoint

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
