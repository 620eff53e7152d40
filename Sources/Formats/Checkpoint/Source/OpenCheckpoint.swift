import Platform

/// Options of opening a checkpoint.
public struct OpenOptions: Sendable {
  /// Folder for the temporary copy of inputs that cannot seek.
  public var temporaryFolder = "/tmp"
  /// The state dict to take from a PyTorch file, a path of keys separated by `/`; nil chooses. Files of other formats
  /// have no keys and are an error, unless there is a `base`, which it may be meant for.
  public var key: String?
  /// The checkpoint that a difference was made against.
  public var base: (any CheckpointSource)?
  /// Threads that decompress.
  public var threads = 1
  /// True if a single file of a sharded set may be opened, which is not a whole checkpoint.
  public var acceptsParts = false
  /// True if input that cannot seek may be opened as a `StreamedCheckpoint`, which is read once and in order.
  public var streams = false

  /// The defaults.
  public init() {}

  /// Refuses the key for a file that has none.
  package func checkKey(for path: String, format: String) throws(CheckpointError) {
    guard let key, base == nil else { return }
    throw .keyWithoutMeaning(path: path, key: key, format: format)
  }
}

/// Opens a checkpoint; its format is told by its content, never by its name.
///
/// Formats: safetensors, plain or compressed; a sharded set, named by its folder or its index; PyTorch zip and legacy
/// files; a model folder of `config.json` and weights; folders of `torch.distributed.checkpoint` and of DeepSpeed. Input that cannot seek, a FIFO or a pipe, is copied to an unlinked
/// temporary file first. Names come without what wrappers put into them, `module.` and `_orig_mod.`.
///
///     let source = try openCheckpoint(.path("model.pth"))
///     for spec in source.tensors { print(spec.name, spec.layout) }
///     let weight = try source.value("fc.weight").floats()
///
/// - Throws: `CheckpointError`.
public func openCheckpoint(
  _ location: Location, options: OpenOptions = OpenOptions()
) throws -> any CheckpointSource {
  if case .path(let path) = location {
    if isFolder(path) { return try openFolder(path, options: options) }
    let configuration = configuration(nextTo: path, options: options)
    if path.utf8.suffix(indexSuffix.utf8.count).elementsEqual(indexSuffix.utf8) {
      return try ShardedSet(index: path, label: path, options: options).unwrapped(with: configuration)
    }
    if !options.acceptsParts, isShard(path) {
      throw CheckpointError.partOfCheckpoint(path: path, reason: "is one file of a sharded set")
    }
    if let configuration {
      return try openFile(
        try InputFile.open(location, temporaryFolder: options.temporaryFolder), options: options
      ).unwrapped(with: configuration)
    }
  }
  let opened = try InputFile.openDescriptor(location)
  if let file = InputFile(opened, label: location.inputLabel) {
    return try openFile(file, options: options).unwrapped()
  }
  var beginning: [UInt8] = []
  if options.streams {
    let stream = try StreamedCheckpoint.open(
      opened, label: location.inputLabel, options: options, beginning: &beginning)
    if let stream {
      try options.checkKey(for: location.inputLabel, format: "a safetensors file")
      return stream
    }
  }
  let file = try opened.spooled(after: beginning, label: location.inputLabel, options: options)
  return try openFile(file, options: options).unwrapped()
}

let indexSuffix = ".index.json"

func isFolder(_ path: String) -> Bool {
  var status = stat()
  return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
}

/// The `config.json` next to a file that has the name of a model folder's weights; nil also for one that is
/// no JSON, which then belongs to something else.
private func configuration(nextTo path: String, options: OpenOptions) -> ModelConfiguration? {
  let folder = OutputTarget.folder(of: path)
  let name = String(decoding: path.utf8.dropFirst(folder.utf8.count), as: UTF8.self)
  guard ModelConfiguration.weightNames.contains(name) else { return nil }
  let found = try? ModelConfiguration(in: folder)
  return found?.model == nil ? nil : found
}

/// True if a file has the name of one file of a set of several, such as `model-00001-of-00002.safetensors`.
private func isShard(_ path: String) -> Bool {
  let name = path.utf8.split(separator: UInt8(ascii: "/")).last.map(Array.init) ?? []
  for suffix in [".safetensors", ".bin"] where name.suffix(suffix.utf8.count).elementsEqual(suffix.utf8) {
    let stem = name.dropLast(suffix.utf8.count)
    // -DDDDD-of-DDDDD
    let tail = Array(stem.suffix(15))
    guard tail.count == 15, stem.count > 15, tail[0] == UInt8(ascii: "-"),
      tail[6..<10].elementsEqual("-of-".utf8),
      (tail[1..<6] + tail[10...]).allSatisfy({ (0x30...0x39).contains($0) })
    else { return false }
    return !tail[10...].elementsEqual("00001".utf8)
  }
  return false
}

extension InputFile.Opened {
  /// The rest of a stream in a temporary file, after what has been read already.
  func spooled(after beginning: [UInt8], label: String, options: OpenOptions) throws -> InputFile {
    defer { close() }
    return try Spool.copy(
      descriptor, after: beginning, label: label, temporaryFolder: options.temporaryFolder)
  }
}

/// Opens a file of any format but that of an index.
func openFile(_ file: InputFile, options: OpenOptions) throws -> any CheckpointSource {
  let format = try FileFormat(of: file)
  switch format {
  case .safetensors:
    try options.checkKey(for: file.label, format: "a safetensors file")
    let plain = try SafetensorsFile(file)
    return try CompressedFile(plain, options: options) ?? plain
  case .torchZip, .torchLegacy: return try TorchFile(file, format: format, options: options)
  }
}
