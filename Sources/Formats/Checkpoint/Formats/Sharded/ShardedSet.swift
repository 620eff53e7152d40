import Platform

/// An open sharded set: a folder with an index that maps tensors to files in it.
final class ShardedSet: CheckpointSource {
  static let indexName = "model.safetensors.index.json"
  /// Names of an index in a folder: the one that is written, then that of a set of PyTorch files.
  static let indexNames = [indexName, "pytorch_model.bin.index.json"]

  let label: String
  let tensors: [TensorSpec]
  let metadata: Metadata
  let storage: CheckpointStorage
  let origin: CheckpointOrigin
  private let indices: [TensorName: Int]
  /// The shard of every tensor and its place there.
  private let places: [(shard: any CheckpointSource, index: Int)]

  /// - Parameter index: Path of the index.
  /// - Throws: `CheckpointError`.
  init(index path: String, label: String, options: OpenOptions) throws {
    let file = try InputFile(regularFileAt: path)
    guard file.length <= SafetensorsHeader.lengthLimit else {
      throw CheckpointError.malformed(path: path, reason: "index exceeds 100000000 bytes")
    }
    let map = try Self.weightMap(try file.bytes(at: 0, count: file.length), path: path)
    let folder = OutputTarget.folder(of: path)
    var opened: [TensorName: any CheckpointSource] = [:]
    var shards: [TensorName: any CheckpointSource] = [:]
    var tensors: [TensorSpec] = []
    for name in Set(map.map(\.shard)).sorted() {
      opened[name] = try openShard(folder + name.string, options: options)
    }
    for (tensor, shard) in map {
      guard let source = opened[shard], source.index(of: tensor) != nil else {
        throw CheckpointError.missingTensor(path: folder + shard.string, tensor)
      }
      shards[tensor] = source
    }
    let sources = opened.sorted { $0.key < $1.key }
    var storage = CheckpointStorage()
    var places: [(shard: any CheckpointSource, index: Int)] = []
    for (name, source) in sources {
      let stored = source.storage
      for (index, spec) in source.tensors.enumerated() {
        // A tensor that the index leaves out, or has in another file, would differ between readers.
        guard shards[spec.name] === source else {
          throw CheckpointError.malformed(
            path: folder + name.string, reason: "tensor \"\(spec.name)\" is not where the index says")
        }
        tensors.append(spec)
        places.append((source, index))
        var entry = stored.tensors[index]
        entry.place?.file += storage.files.count
        storage.tensors.append(entry)
      }
      storage.files += stored.files
    }
    let formats = Set(sources.map { TensorName($0.value.formatDescription) }).sorted().map(\.string)
    storage.formatDescription = "\(opened.count) files of a sharded set: \(formats.joined(separator: "; "))"
    var origin = CheckpointOrigin(
      tiedTensors: Set(sources.flatMap(\.value.tiedTensors)).sorted { $0.lexicographicallyPrecedes($1) })
    origin.stateDict = try Self.commonChoice(sources.compactMap(\.value.origin.stateDict), path: path)
    indices = Dictionary(uniqueKeysWithValues: tensors.enumerated().map { ($1.name, $0) })
    self.storage = storage
    self.origin = origin
    self.places = places
    self.label = label
    self.tensors = tensors
    metadata = Metadata(agreedBy: sources.map(\.value.metadata))
  }

  /// Files of one set hold the same state dict.
  private static func commonChoice(_ choices: [StateDictChoice], path: String) throws -> StateDictChoice? {
    let keys = Set(choices.map { TensorName($0.key) }).sorted()
    guard keys.count <= 1 else {
      throw CheckpointError.ambiguousStateDict(path: path, keys: keys.map(\.string))
    }
    return choices.first
  }

  private static func weightMap(
    _ bytes: [UInt8], path: String
  ) throws -> [(tensor: TensorName, shard: TensorName)] {
    let json: JSON
    do {
      json = try JSON.parse(bytes)
    } catch let error as JSONError {
      throw CheckpointError.malformed(path: path, reason: "\(error)")
    }
    guard let members = json["weight_map"]?.objectValue, !members.isEmpty else {
      throw CheckpointError.malformed(path: path, reason: "not the index of a sharded set: no weight_map")
    }
    return try members.map { tensor, value in
      guard let shard = value.stringValue, isPlainName(shard) else {
        throw CheckpointError.malformed(
          path: path,
          reason:
            "tensor \"\(TensorName(tensor))\": the index must name a .safetensors or .bin file in its own folder"
        )
      }
      return (TensorName(tensor), TensorName(shard))
    }
  }

  /// Names come from a file: nothing that leads out of the folder, into a subfolder, or back to the index.
  private static func isPlainName(_ name: String) -> Bool {
    name.utf8.allSatisfy { $0 != UInt8(ascii: "/") && $0 >= 0x20 } && !name.begins(with: ".")
      && (name.ends(in: ".safetensors") || name.ends(in: ".bin"))
  }

  func index(of name: TensorName) -> Int? { indices[name] }

  func reader(at index: Int) -> TensorReader { places[index].shard.reader(at: places[index].index) }
}

/// Opens a shard, a regular file. The index names it without leading out of the folder; a link there is of the user's own
/// file system, such as those of the Hugging Face cache.
private func openShard(_ path: String, options: OpenOptions) throws -> any CheckpointSource {
  var status = stat()
  guard stat(path, &status) == 0 else { throw CheckpointError.cannotOpen(path: path, code: errno) }
  guard status.st_mode & S_IFMT == S_IFREG else {
    throw CheckpointError.malformed(path: path, reason: "a shard must be a regular file")
  }
  return try openFile(try InputFile(regularFileAt: path), options: options)
}
