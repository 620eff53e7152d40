/// Reads a part of a tensor's data, little-endian and row-major, into a buffer, which is filled completely.
public typealias TensorReader =
  @Sendable (_ byteOffset: Int, _ buffer: UnsafeMutableRawBufferPointer) throws -> Void

/// An open checkpoint of any format. Reading is thread safe.
///
/// A format says what can be read: names, types, shapes, data. `storage` describes how the data are stored
/// and `origin` what else the file says, so that a source that is made of another one passes both on as they
/// are.
public protocol CheckpointSource: AnyObject, Sendable {
  /// The name in diagnostics.
  var label: String { get }
  /// The tensors in the order in which their data are stored.
  var tensors: [TensorSpec] { get }
  /// The checkpoint's `__metadata__`; empty for formats without.
  var metadata: Metadata { get }
  /// Formats, files and checksums.
  var storage: CheckpointStorage { get }
  /// The file's own statements besides its tensors.
  var origin: CheckpointOrigin { get }

  /// The place in `tensors` of the tensor called `name`; nil when there is none.
  func index(of name: TensorName) -> Int?

  /// A reader of the tensor at a place in `tensors`.
  ///
  /// It throws `CheckpointError` for a range outside the tensor and when reading fails.
  func reader(at index: Int) -> TensorReader
}

extension CheckpointSource {
  /// A source that is stored in no file.
  public var storage: CheckpointStorage { CheckpointStorage() }

  /// The ties that tools have noted in the metadata, and nothing else.
  public var origin: CheckpointOrigin { CheckpointOrigin(tiedTensors: metadata.tiedTensors) }

  /// The place of a tensor, found by looking at all of them; formats of many tensors have an index.
  public func index(of name: TensorName) -> Int? { tensors.firstIndex { $0.name == name } }

  /// The tensor called `name`; nil when there is none.
  public func spec(_ name: TensorName) -> TensorSpec? { index(of: name).map { tensors[$0] } }

  /// A reader of the tensor called `name`, which is looked up once; it throws `CheckpointError.missingTensor`
  /// when there is none.
  public func reader(of name: TensorName) -> TensorReader {
    if let index = index(of: name) { return reader(at: index) }
    return { [label] _, _ in throw CheckpointError.missingTensor(path: label, name) }
  }

  /// Reads a part of a tensor's data: little-endian, row-major.
  ///
  /// - Parameters:
  ///   - name: The tensor.
  ///   - byteOffset: Offset from the start of the tensor's data.
  ///   - buffer: Filled completely.
  /// - Throws: `CheckpointError` when there is no such tensor or range, or when reading fails.
  public func read(_ name: TensorName, at byteOffset: Int, into buffer: UnsafeMutableRawBufferPointer) throws
  {
    try reader(of: name)(byteOffset, buffer)
  }

  /// A whole tensor.
  ///
  /// - Throws: `CheckpointError` when there is no such tensor or when reading fails.
  public func value(_ name: TensorName) throws -> TensorValue {
    guard let index = index(of: name) else { throw CheckpointError.missingTensor(path: label, name) }
    let spec = tensors[index]
    let bytes = try [UInt8](unsafeUninitializedCapacity: spec.byteCount) { buffer, count in
      let whole = UnsafeMutableRawBufferPointer(
        rebasing: UnsafeMutableRawBufferPointer(buffer)[..<spec.byteCount])
      try reader(at: index)(0, whole)
      count = spec.byteCount
    }
    return TensorValue(dtype: spec.dtype, shape: spec.shape, bytes: bytes)
  }

  /// CRC-32 of a tensor's data, continuing `crc`.
  ///
  /// - Throws: `CheckpointError` when the data cannot be read or a checksum of the format does not match.
  public func checksum(of spec: TensorSpec, continuing crc: UInt32 = 0) throws -> UInt32 {
    let buffer = UnsafeMutableRawBufferPointer.allocate(
      byteCount: min(spec.byteCount, 1 << 20), alignment: 64)
    defer { buffer.deallocate() }
    let read = reader(of: spec.name)
    var crc = crc
    var offset = 0
    while offset < spec.byteCount {
      let chunk = UnsafeMutableRawBufferPointer(
        rebasing: buffer[..<min(buffer.count, spec.byteCount - offset)])
      try read(offset, chunk)
      crc = crc32(UnsafeRawBufferPointer(chunk), continuing: crc)
      offset += chunk.count
    }
    return crc
  }

  func checkRange(of spec: TensorSpec, at offset: Int, count: Int) throws(CheckpointError) {
    let size = spec.byteCount
    guard offset >= 0, offset <= size, count <= size - offset else {
      throw .outOfRange(path: label, spec.name, offset: offset, count: count)
    }
  }
}

extension CheckpointSource {
  /// The format in words, such as `PyTorch zip, state dict "model"`.
  public var formatDescription: String {
    guard let key = origin.stateDict?.key, !key.isEmpty else { return storage.formatDescription }
    return "\(storage.formatDescription), state dict \"\(escapedForDiagnostics(key))\""
  }

  /// Share of the data that checksums cover.
  public var checksumCoverage: ChecksumCoverage {
    ChecksumCoverage(zip(tensors, storage.tensors).map { $0.byteCount == 0 || $1.isCovered })
  }

  /// The files that the checkpoint is stored in, for checksums of their bytes.
  public var files: [any StoredFile] { storage.files }

  /// Bytes that the tensor takes in the file; nil when there is none of this name.
  public func storedByteCount(_ name: TensorName) -> Int? {
    index(of: name).map { storage[$0]?.byteCount ?? tensors[$0].byteCount }
  }

  /// CRC-32 of the tensor's data as the file states it, where the format has one per tensor.
  public func recordedChecksum(_ name: TensorName) -> UInt32? {
    index(of: name).flatMap { storage[$0]?.checksum }
  }

  /// Where the data of a tensor are stored as they are read; nil when they are stored otherwise, such as compressed.
  public func placement(of name: TensorName) -> CheckpointStorage.Place? {
    index(of: name).flatMap { storage[$0]?.place }
  }

  /// Where the state dict stood in a file that may hold several, levels separated by `/`: empty for the top level, nil
  /// for formats without levels.
  public var stateDictKey: String? { origin.stateDict?.key }

  /// Groups of tensors that share their data, so that a change of one changes the others; by name.
  public var tiedTensors: [[TensorName]] { origin.tiedTensors }
}

/// Format, files and places of the data of a checkpoint.
public struct CheckpointStorage: Sendable {
  /// Where data stand as they are read.
  public struct Place: Sendable, Equatable {
    /// Index into `files`.
    public var file: Int
    /// First byte.
    public var offset: Int
  }

  /// Storage of one tensor.
  public struct StoredTensor: Sendable, Equatable {
    /// Bytes that it takes in the file.
    public var byteCount: Int
    /// Where its data stand as they are read; nil when they are stored otherwise, such as compressed.
    public var place: Place?
    /// CRC-32 of its data as the file states it.
    public var checksum: UInt32?
    /// True if a checksum in the file covers it.
    public var isCovered = false
  }

  /// The format in words, such as `PyTorch zip`.
  public var formatDescription = "in memory"
  /// The files, for checksums of their bytes.
  public var files: [any StoredFile] = []
  /// One entry for every tensor, in their order; empty for what is stored in no file.
  public var tensors: [StoredTensor] = []

  /// - Parameter formatDescription: The format of what is stored in no file that could be read as such.
  public init(formatDescription: String = "in memory") { self.formatDescription = formatDescription }

  init(formatDescription: String, files: [any StoredFile], tensors: [StoredTensor]) {
    self.formatDescription = formatDescription
    self.files = files
    self.tensors = tensors
  }

  /// The entry of the tensor at a place; nil where there is none.
  public subscript(index: Int) -> StoredTensor? { tensors.indices.contains(index) ? tensors[index] : nil }

  /// The storage of some of the tensors, by their places.
  func selecting(_ places: [Int]) -> CheckpointStorage {
    var part = self
    part.tensors = tensors.isEmpty ? [] : places.map { tensors[$0] }
    return part
  }
}

/// Share of a checkpoint's data that the checksums in its files cover.
public enum ChecksumCoverage: String, Sendable {
  /// No data: plain safetensors and PyTorch's legacy format have no checksums.
  case none
  /// Some tensors, or some files of a set.
  case some
  /// All data, so that damage is found.
  case all

  /// The coverage of parts together; of nothing, all.
  init(_ parts: some Sequence<Bool>) {
    let parts = Set(parts)
    self = !parts.contains(false) ? .all : parts.contains(true) ? .some : .none
  }
}

/// A file that a checkpoint is stored in, byte by byte; reading is thread safe.
public protocol StoredFile: Sendable {
  /// Size in bytes.
  var length: Int { get }

  /// Fills `buffer` from `offset` on.
  ///
  /// - Throws: `CheckpointError` when the file ends before or cannot be read.
  func read(at offset: Int, into buffer: UnsafeMutableRawBufferPointer) throws(CheckpointError)
}

extension InputFile: StoredFile {}

/// A name for the tensors of a checkpoint: CRC-32 over name, element type, shape and data of each, by name.
///
/// Format, order of the tensors and metadata have no part in it. Distinguishes files that were mixed up; no
/// proof against someone who wants two files to look alike.
///
/// - Returns: `crc32:` and eight hexadecimal digits.
/// - Throws: `CheckpointError` when reading fails.
public func contentDigest(of source: any CheckpointSource) throws -> String {
  var digest: UInt32 = 0
  func add(_ bytes: UnsafeRawBufferPointer) { digest = crc32(bytes, continuing: digest) }
  let chunk = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 20, alignment: 64)
  defer { chunk.deallocate() }
  for tensor in source.tensors.sorted(by: { $0.name < $1.name }) {
    var description = "\(tensor.name.string)\0\(tensor.dtype.name)\0\(tensor.shape)\0"
    description.withUTF8 { add(UnsafeRawBufferPointer($0)) }
    for start in stride(from: 0, to: tensor.byteCount, by: chunk.count) {
      let part = UnsafeMutableRawBufferPointer(rebasing: chunk[..<min(chunk.count, tensor.byteCount - start)])
      try source.read(tensor.name, at: start, into: part)
      add(UnsafeRawBufferPointer(part))
    }
  }
  return "crc32:" + hexadecimal(digest)
}
