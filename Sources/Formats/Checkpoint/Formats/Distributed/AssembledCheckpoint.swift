/// A checkpoint whose tensors are put together from chunks in several files.
///
/// All layouts of many files come down to this: a format finds the chunks, and reading is the same for all.
final class AssembledCheckpoint: CheckpointSource {
  /// A tensor and how to read it.
  struct Tensor {
    var spec: TensorSpec
    var chunks: TensorChunks
    /// Where its data stand in one file as they are read; nil for those of several chunks.
    var place: CheckpointStorage.Place?
    /// True if checksums cover it.
    var isCovered: Bool
  }

  let label: String
  let tensors: [TensorSpec]
  let metadata: Metadata
  let storage: CheckpointStorage
  let origin: CheckpointOrigin
  private let chunks: [TensorChunks]
  private let indices: [TensorName: Int]

  /// - Parameters:
  ///   - label: Name in diagnostics.
  ///   - formatDescription: The format in words.
  ///   - files: All files, each opened with an observer where tensors have no place of their own.
  ///   - tensors: The tensors.
  ///   - metadata: Texts by key.
  ///   - origin: Further statements of the files.
  /// - Throws: `CheckpointError.malformed` for a name that appears twice, or for more data than the files hold.
  init(
    label: String, formatDescription: String, files: [InputFile], tensors: [Tensor],
    metadata: Metadata = Metadata(), origin: CheckpointOrigin = CheckpointOrigin()
  ) throws(CheckpointError) {
    var indices: [TensorName: Int] = [:]
    for (index, tensor) in tensors.enumerated() {
      guard indices.updateValue(index, forKey: tensor.spec.name) == nil else {
        throw .malformed(path: label, reason: "tensor \"\(tensor.spec.name)\" appears twice")
      }
    }
    self.label = label
    self.tensors = tensors.map(\.spec)
    self.metadata = metadata
    self.origin = origin
    self.indices = indices
    chunks = tensors.map(\.chunks)
    storage = CheckpointStorage(
      formatDescription: formatDescription, files: files,
      tensors: tensors.map {
        CheckpointStorage.StoredTensor(
          byteCount: $0.spec.byteCount, place: $0.place, isCovered: $0.isCovered)
      })
  }

  func index(of name: TensorName) -> Int? { indices[name] }

  func reader(at index: Int) -> TensorReader {
    let (spec, chunks) = (tensors[index], chunks[index])
    return { [self] byteOffset, buffer in
      try checkRange(of: spec, at: byteOffset, count: buffer.count)
      try chunks.read(at: byteOffset, into: buffer)
    }
  }
}

/// Files of a folder that are opened once each, in the order in which they were asked for.
struct FolderFiles {
  let folder: String
  private(set) var files: [InputFile] = []
  private var indices: [TensorName: Int] = [:]

  /// - Parameter folder: Its path with a slash at the end.
  init(_ folder: String) { self.folder = folder }

  /// The file of a name without slashes.
  ///
  /// - Returns: The file and its place in `files`.
  /// - Throws: `CheckpointError.cannotOpen`, `.malformed` for what is no regular file.
  mutating func open(_ name: String) throws(CheckpointError) -> (file: InputFile, index: Int) {
    if let index = indices[TensorName(name)] { return (files[index], index) }
    let file = try InputFile(regularFileAt: folder + name, observer: ReadObserver())
    indices[TensorName(name)] = files.count
    files.append(file)
    return (file, files.count - 1)
  }

  /// Bytes of all files; what is read out of them cannot be more.
  var byteCount: Int { files.reduce(0) { $0.addingReportingOverflow($1.length).partialValue } }
}
