import Platform

/// A layout of a checkpoint that is a folder, told by the names of its files.
enum FolderLayout: Equatable {
  /// A directory of `torch.distributed.checkpoint`, by its `.metadata`.
  case distributed
  /// The index of a sharded set, by its name.
  case set(index: String)
  /// `config.json` and weights, by the name of these.
  case model(weights: String)
  /// A folder of DeepSpeed.
  case zero
  /// Safetensors files of the ranks of `torch.distributed.checkpoint`.
  case rankShards
  /// A folder of accelerate's or Trainer's state, with the model in a folder of its own.
  case nested(folder: String)

  /// Names of the folder that accelerate gives to the first model of sharded FSDP.
  private static let nestedNames = ["pytorch_model_fsdp_0", "pytorch_model_fsdp"]

  /// - Parameters:
  ///   - folder: Path with a slash at the end.
  ///   - hasConfiguration: True if the folder has a `config.json`; without one a folder of single files may as well be a
  ///     series.
  /// - Returns: nil for a folder that is no checkpoint.
  init?(of folder: String, hasConfiguration: Bool) {
    func exists(_ name: String) -> Bool { access(folder + name, F_OK) == 0 }
    if exists(DistributedMetadata.fileName) {
      self = .distributed
    } else if let name = ShardedSet.indexNames.first(where: exists) {
      self = .set(index: name)
    } else if hasConfiguration, let name = ModelConfiguration.weightNames.first(where: exists) {
      self = name.ends(in: indexSuffix) ? .set(index: name) : .model(weights: name)
    } else if ZeroFiles.isFound(in: folder) {
      self = .zero
    } else if let name = Self.nestedNames.first(where: { exists("\($0)/\(DistributedMetadata.fileName)") }) {
      self = .nested(folder: name)
    } else if fileNames(in: folder).contains(where: { RankShardName($0) != nil }) {
      self = .rankShards
    } else {
      return nil
    }
  }
}

/// True if a path is a folder that is a checkpoint by the names in it.
package func isCheckpointFolder(_ path: String) -> Bool {
  guard isFolder(path) else { return false }
  let folder = path + (path.utf8.last == UInt8(ascii: "/") ? "" : "/")
  let hasConfiguration = access(folder + ModelConfiguration.fileName, F_OK) == 0
  return FolderLayout(of: folder, hasConfiguration: hasConfiguration) != nil
}

/// Opens a folder of any layout.
///
/// - Throws: `CheckpointError.directoryWithoutIndex` for one that is no checkpoint.
func openFolder(_ path: String, options: OpenOptions) throws -> any CheckpointSource {
  let folder = path + (path.utf8.last == UInt8(ascii: "/") ? "" : "/")
  let configuration = try ModelConfiguration(in: folder)
  guard let layout = FolderLayout(of: folder, hasConfiguration: configuration != nil) else {
    throw CheckpointError.directoryWithoutIndex(path: path)
  }
  let source: any CheckpointSource =
    switch layout {
    case .distributed: try openDistributedCheckpoint(in: folder, label: path, options: options)
    case .set(let index): try ShardedSet(index: folder + index, label: path, options: options)
    case .model(let weights): try openFile(try InputFile(regularFileAt: folder + weights), options: options)
    case .zero: try openZeroCheckpoint(in: folder, label: path, options: options)
    case .rankShards: try openSafetensorsShards(in: folder, label: path, options: options)
    case .nested(let name):
      try openDistributedCheckpoint(in: "\(folder)\(name)/", label: path, options: options)
    }
  return try source.unwrapped(with: configuration)
}
