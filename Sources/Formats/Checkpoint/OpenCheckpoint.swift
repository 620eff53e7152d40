import Platform

/// How a checkpoint is opened.
public struct OpenOptions: Sendable {
  /// Folder for the temporary copy of inputs that cannot seek.
  public var temporaryFolder = "/tmp"
  /// The state dict to take from a PyTorch file, a path of keys separated by `/`; nil chooses as timm does.
  public var key: String?
  /// The checkpoint that a difference was made against.
  public var base: (any CheckpointSource)?
  /// Threads that decompress.
  public var threads = 1
  /// Whether names of PyTorch files keep what wrappers put before them, as the index of a set has them.
  var keepsPrefixes = false
  /// Whether input that cannot seek may be opened as a `StreamedCheckpoint`, which is read once and in order.
  public var streams = false

  /// The defaults.
  public init() {}
}

/// Opens a checkpoint; its format is told by its content, never by its name.
///
/// Formats: safetensors, plain or compressed; a sharded set, named by its folder or its index; PyTorch zip and legacy
/// files. Input that cannot seek, a FIFO or a pipe, is copied to an unlinked temporary file first.
///
/// - Throws: `CheckpointError`.
public func openCheckpoint(
  _ location: Location, options: OpenOptions = OpenOptions()
) throws -> any CheckpointSource {
  if case .path(let path) = location {
    var status = stat()
    if stat(path, &status) == 0, status.st_mode & S_IFMT == S_IFDIR {
      let candidates = ShardedSet.indexNames.map { path + (path.hasSuffix("/") ? "" : "/") + $0 }
      guard let index = candidates.first(where: { access($0, F_OK) == 0 }) else {
        throw CheckpointError.directoryWithoutIndex(path: path)
      }
      return try ShardedSet(index: index, label: path, options: options)
    }
    if path.hasSuffix(".index.json") {
      return try ShardedSet(index: path, label: path, options: options)
    }
  }
  let opened = try InputFile.openDescriptor(location)
  if let file = InputFile(opened, label: location.label) { return try openFile(file, options: options) }
  var beginning: [UInt8] = []
  if options.streams {
    let stream = try StreamedCheckpoint.open(
      opened, label: location.label, options: options, beginning: &beginning)
    if let stream { return stream }
  }
  return try openFile(
    try opened.spooled(after: beginning, label: location.label, options: options), options: options)
}

extension InputFile.Opened {
  /// The rest of a stream in a temporary file, behind what has been read already.
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
    let plain = try SafetensorsFile(file)
    return try CompressedFile(plain, options: options) ?? plain
  case .torchZip, .torchLegacy: return try TorchFile(file, format: format, options: options)
  }
}
