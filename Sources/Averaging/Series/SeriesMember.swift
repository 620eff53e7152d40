import Checkpoint

/// One checkpoint of a series.
public struct SeriesMember: Sendable {
  /// The open file.
  public let source: any CheckpointSource
  /// The tensors in the order of the file.
  public var tensors: [TensorSpec] { source.tensors }
  /// What wrappers had put before every name, such as `module.`.
  public var prefix: String { source.origin.wrapper }
  /// Number of models behind this one: `n_averaged` of PyTorch's AveragedModel, else 1.
  public let modelCount: Double
  /// Whether the file is one of PyTorch's AveragedModel.
  public let isAveragedModel: Bool

  /// - Parameter source: An open checkpoint.
  public init(_ source: any CheckpointSource) {
    self.source = source
    let count = source.origin.averagedModelCount
    isAveragedModel = count != nil
    modelCount = count ?? 1
  }

  /// The file's name in diagnostics.
  public var label: String { source.label }

  /// The last component of the path, for the provenance.
  public var name: String {
    source.label.split(separator: "/").last.map(String.init) ?? source.label
  }

  /// Element type and shape of a tensor.
  public func spec(_ name: TensorName) -> TensorSpec? { source.spec(name) }

  /// Groups of tensors that share their data in this file.
  var tiedTensors: [[TensorName]] { source.tiedTensors }

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
  func reader(of name: TensorName) -> TensorReader { source.reader(of: name) }

  /// The place of a tensor in `tensors`.
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
