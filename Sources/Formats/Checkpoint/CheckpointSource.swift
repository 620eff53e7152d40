/// Reads a part of a tensor's data into a buffer, which is filled completely.
public typealias TensorReader =
  @Sendable (_ byteOffset: Int, _ buffer: UnsafeMutableRawBufferPointer) throws -> Void

/// An open checkpoint of any format. Reading is thread safe.
public protocol CheckpointSource: AnyObject, Sendable {
  /// The name in diagnostics.
  var label: String { get }
  /// The tensors in the order in which their data are stored.
  var tensors: [TensorSpec] { get }
  /// The checkpoint's `__metadata__`; empty for formats without.
  var metadata: Metadata { get }

  /// The tensor called `name`; nil when there is none.
  func spec(_ name: TensorName) -> TensorSpec?

  /// Bytes that the tensor takes in the file; nil when there is none of this name.
  func storedByteCount(_ name: TensorName) -> Int?

  /// The format in words, such as `PyTorch zip, state dict "model"`.
  var formatDescription: String { get }

  /// How much of the data checksums cover.
  var checksumCoverage: ChecksumCoverage { get }

  /// CRC-32 of the tensor's data as the file states it, where the format has one per tensor.
  func recordedChecksum(_ name: TensorName) -> UInt32?

  /// Reads a part of a tensor's data: little-endian, row-major.
  ///
  /// - Parameters:
  ///   - name: The tensor.
  ///   - byteOffset: Offset from the start of the tensor's data.
  ///   - buffer: Filled completely.
  /// - Throws: `CheckpointError` when there is no such tensor or range, or when reading fails.
  func read(_ name: TensorName, at byteOffset: Int, into buffer: UnsafeMutableRawBufferPointer) throws

  /// Reads parts of one tensor as `read` does, looking the name up once.
  func reader(of name: TensorName) -> TensorReader

  /// The same for the tensor at a place in `tensors`, without looking a name up.
  func reader(at index: Int) -> TensorReader

  /// The files that the checkpoint is stored in, for checksums of their bytes.
  var files: [any StoredFile] { get }

  /// Where the data of a tensor are stored as `read` gives them: index into `files` and offset; nil when they are
  /// stored otherwise, such as compressed.
  func placement(of name: TensorName) -> (file: Int, offset: Int)?

  /// Where the state dict stood in a file that may hold several, levels separated by `/`: empty for the top level, nil
  /// for formats without levels.
  var stateDictKey: String? { get }

  /// Groups of tensors that share their data, so that a change of one changes the others; by name.
  var tiedTensors: [[TensorName]] { get }
}

extension CheckpointSource {
  /// A source that is stored in no file.
  public var formatDescription: String { "in memory" }

  /// None: most formats have no checksums.
  public var checksumCoverage: ChecksumCoverage { .none }

  /// A source that is stored in no file has none.
  public var files: [any StoredFile] { [] }

  /// Most formats have no levels.
  public var stateDictKey: String? { nil }

  /// What a tool has noted in the metadata under `ckpt.tied`; most formats cannot share data.
  public var tiedTensors: [[TensorName]] { metadata.tiedTensors }

  /// A source that is stored in no file has no placements.
  public func placement(of name: TensorName) -> (file: Int, offset: Int)? { nil }

  /// The tensor called `name`; nil when there is none.
  public func spec(_ name: TensorName) -> TensorSpec? { tensors.first { $0.name == name } }

  /// The size of the tensor's data: formats that compress say otherwise.
  public func storedByteCount(_ name: TensorName) -> Int? { spec(name)?.byteCount }

  /// None: most formats have no checksum per tensor.
  public func recordedChecksum(_ name: TensorName) -> UInt32? { nil }

  /// Most formats have more to do than to look the name up.
  public func reader(of name: TensorName) -> TensorReader {
    { [self] in try read(name, at: $0, into: $1) }
  }

  /// Most formats know tensors by name.
  public func reader(at index: Int) -> TensorReader { reader(of: tensors[index].name) }

  /// A whole tensor.
  ///
  /// - Throws: `CheckpointError` when there is no such tensor or when reading fails.
  public func value(_ name: TensorName) throws -> TensorValue {
    guard let spec = spec(name) else { throw CheckpointError.missingTensor(path: label, name) }
    let bytes = try [UInt8](unsafeUninitializedCapacity: spec.byteCount) { buffer, count in
      let whole = UnsafeMutableRawBufferPointer(
        rebasing: UnsafeMutableRawBufferPointer(buffer)[..<spec.byteCount])
      try read(name, at: 0, into: whole)
      count = spec.byteCount
    }
    return TensorValue(dtype: spec.dtype, shape: spec.shape, bytes: bytes)
  }

  func checkRange(of spec: TensorSpec, at offset: Int, count: Int) throws(CheckpointError) {
    let size = spec.byteCount
    guard offset >= 0, offset <= size, count <= size - offset else {
      throw .outOfRange(path: label, spec.name, offset: offset, count: count)
    }
  }
}
