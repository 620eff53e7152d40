import Platform

/// Opens a directory of `torch.distributed.checkpoint`: FSDP, torchtitan, Lightning, Megatron's `torch_dist`.
///
/// Tensors are read in place. In the files of the default serialization every slice is a whole archive of `torch.save`, of
/// which the header is read when the slice is needed first; those of the safetensors serialization have one header for all.
///
/// - Parameters:
///   - folder: Path of the directory with a slash at the end.
///   - label: Name in diagnostics.
///   - options: Options, of which the key counts.
/// - Throws: `CheckpointError`.
func openDistributedCheckpoint(
  in folder: String, label: String, options: OpenOptions
) throws -> any CheckpointSource {
  var files = FolderFiles(folder)
  let metadata = try DistributedMetadata(try files.open(DistributedMetadata.fileName).file)
  let selection: (choice: StateDictChoice, members: [DistributedSelection.Member])
  do {
    selection = try DistributedSelection(tensors: metadata.tensors).select(options.key)
  } catch {
    switch error {
    case .none(let reason): throw CheckpointError.noStateDict(path: label, reason: reason)
    case .ambiguous(let keys): throw CheckpointError.ambiguousStateDict(path: label, keys: keys)
    }
  }
  var formats: [Int: DataFile] = [:]
  var tensors: [AssembledCheckpoint.Tensor] = []
  var total = 0
  for (index, name) in selection.members {
    let tensor = metadata.tensors[index]
    func fail(_ reason: String) -> CheckpointError {
      .malformed(path: label, reason: "tensor \"\(tensor.name)\" \(reason)")
    }
    if let obstacle = tensor.obstacle { throw fail(obstacle) }
    let spec = TensorSpec(name: name, dtype: tensor.dtype, shape: tensor.shape)
    guard let sum = total.adding(exactly: spec.byteCount) else { throw fail("is larger than memory can be") }
    total = sum
    var isCovered = true
    var chunks: [TensorChunk] = []
    for chunk in tensor.chunks {
      let (file, place) = try files.open(chunk.place.file)
      let format = try formats[place] ?? DataFile(file)
      formats[place] = format
      guard let length = chunk.sizes.checkedProduct?.multiplied(exactlyBy: tensor.dtype.bitWidth / 8) else {
        throw fail("has a chunk of impossible size")
      }
      let slice = try format.slice(
        chunk, of: TensorSpec(name: tensor.name, dtype: tensor.dtype, shape: chunk.sizes), byteCount: length)
      isCovered = isCovered && format.isCovered
      chunks.append(TensorChunk(offsets: chunk.offsets, sizes: chunk.sizes, reader: slice))
    }
    do {
      tensors.append(
        AssembledCheckpoint.Tensor(
          spec: spec, chunks: try TensorChunks(chunks, shape: spec.shape, width: spec.dtype.bitWidth / 8),
          place: nil, isCovered: isCovered))
    } catch {
      throw fail("\(error)")
    }
  }
  for format in formats.values { try format.checkDisjoint() }
  // Every slice is stored once; a directory of a few bytes must not describe a disk full of tensors.
  guard total <= files.byteCount else {
    throw CheckpointError.malformed(
      path: label, reason: "describes \(total) bytes of tensors, but its files have \(files.byteCount)")
  }
  var origin = CheckpointOrigin()
  origin.stateDict = selection.choice
  let dataFiles = files.files.count - 1
  return try AssembledCheckpoint(
    label: label,
    formatDescription: "torch.distributed.checkpoint of \(dataFiles) file\(dataFiles == 1 ? "" : "s")",
    files: files.files, tensors: tensors, origin: origin)
}

/// A data file of a directory, of one of two serializations.
private final class DataFile {
  private let file: InputFile
  /// The file as a whole where it has one header; nil for slices that have their own.
  private let container: SafetensorsFile?
  /// True if checksums cover its slices: PyTorch writes them unless it is told not to, which holds for a process.
  private(set) var isCovered = false
  private var isProbed = false
  /// Slices that are in use, by their offset or place in the header: one that is two chunks would be wrong in one of them.
  private var used: Set<Int> = []
  /// The bytes of the slices in use, of a file without a header of its own.
  private var ranges: [Range<Int>] = []
  /// Offsets of the tensors in a container, as its own metadata has them.
  private let savedOffsets: JSON?

  init(_ file: InputFile) throws {
    self.file = file
    container = try FileFormat(of: file) == .safetensors ? try SafetensorsFile(file) : nil
    savedOffsets = try container.flatMap { try shardingInfo(of: $0) }
  }

  /// A reader of a chunk.
  ///
  /// - Parameters:
  ///   - chunk: Where it is stored.
  ///   - spec: Name of its tensor, element type, and shape of the chunk.
  ///   - byteCount: Bytes of the chunk.
  /// - Throws: `CheckpointError.malformed` for a place outside the file or too small.
  func slice(
    _ chunk: DistributedMetadata.Chunk, of spec: TensorSpec, byteCount: Int
  ) throws -> TensorReader {
    if let container {
      guard let index = container.index(of: spec.name) else {
        throw CheckpointError.missingTensor(path: file.label, spec.name)
      }
      let found = container.tensors[index]
      guard found == spec else {
        throw CheckpointError.mismatch(
          path: file.label, spec.name, expected: spec.layout, found: found.layout)
      }
      guard savedOffsets.map({ offsets(of: spec.name, in: $0) == chunk.offsets }) ?? true,
        used.insert(index).inserted
      else {
        throw CheckpointError.malformed(
          path: file.label,
          reason: "tensor \"\(spec.name)\": is another part than the one at \(chunk.offsets)")
      }
      return container.reader(at: index)
    }
    let place = chunk.place
    guard used.insert(place.offset).inserted else {
      throw CheckpointError.malformed(
        path: file.label,
        reason: "tensor \"\(spec.name)\": the slice at \(place.offset) belongs to another tensor or chunk")
    }
    guard place.offset <= file.length, place.length <= file.length - place.offset, byteCount <= place.length
    else {
      throw CheckpointError.malformed(
        path: file.label,
        reason:
          "tensor \"\(spec.name)\": the slice of \(place.length) bytes at \(place.offset) is not within the file or too small"
      )
    }
    let range = place.offset..<place.offset + place.length
    ranges.append(range)
    let slice = TorchSlice(InputFile(sliceOf: file, range), spec)
    if !isProbed {
      isProbed = true
      isCovered = try slice.tensor().isCovered
    }
    return { byteOffset, buffer in try slice.tensor().reader(byteOffset, buffer) }
  }

  /// - Throws: `CheckpointError.malformed` for slices that share bytes.
  func checkDisjoint() throws(CheckpointError) {
    ranges.sort { $0.lowerBound < $1.lowerBound }
    for (slice, next) in zip(ranges, ranges.dropFirst()) where next.lowerBound < slice.upperBound {
      throw .malformed(
        path: file.label,
        reason: "the slices at \(slice.lowerBound) and \(next.lowerBound) have bytes in common")
    }
  }
}

/// A tensor in an archive of its own, opened when it is needed.
private final class TorchSlice: Sendable {
  private let file: InputFile
  private let spec: TensorSpec
  private let opened = Guarded<TorchObjects.Tensor?>(nil)

  init(_ file: InputFile, _ spec: TensorSpec) {
    self.file = file
    self.spec = spec
  }

  /// - Throws: `CheckpointError.malformed`, `.mismatch` for another tensor than the directory says.
  func tensor() throws -> TorchObjects.Tensor {
    try opened.withLock { opened in
      if let opened { return opened }
      // PyTorch's archives have no comment.
      let objects = try TorchObjects(file, commentLimit: 1024)
      let tensor = try objects.tensor(objects.root, name: "tensor \"\(spec.name)\"")
      guard tensor.dtype == spec.dtype, tensor.shape == spec.shape else {
        throw CheckpointError.mismatch(
          path: file.label, spec.name, expected: spec.layout, found: layoutText(tensor.dtype, tensor.shape))
      }
      opened = tensor
      return tensor
    }
  }
}
