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
