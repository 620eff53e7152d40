/// How a checkpoint is opened.
public struct OpenOptions: Sendable {
  /// Folder for the temporary copy of inputs that cannot seek.
  public var temporaryFolder = "/tmp"
  /// The state dict to take from a PyTorch file, a path of keys separated by `/`; nil chooses as timm does.
  public var key: String?

  /// The defaults.
  public init() {}
}

/// Opens a checkpoint; its format is told by its content, never by its name.
///
/// Input that cannot seek, a FIFO or a pipe, is copied to an unlinked temporary file first.
///
/// - Throws: `CheckpointError`.
public func openCheckpoint(
  _ location: Location, options: OpenOptions = OpenOptions()
) throws -> any CheckpointSource {
  let file = try InputFile.open(location, temporaryFolder: options.temporaryFolder)
  let format = FileFormat(prefix: try file.bytes(at: 0, count: min(16, file.length)))
  switch format {
  case .safetensors: return try SafetensorsFile(file)
  case .torchZip, .torchLegacy: return try TorchFile(file, format: format, options: options)
  }
}
