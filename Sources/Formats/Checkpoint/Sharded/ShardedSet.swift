import Platform

/// An open sharded set: a folder with an index that maps tensors to files beside it.
final class ShardedSet: CheckpointSource {
  static let indexName = "model.safetensors.index.json"
  /// What an index may be called in a folder: that which is written, then that of a set of PyTorch files.
  static let indexNames = [indexName, "pytorch_model.bin.index.json"]

  let label: String
  let tensors: [TensorSpec]
  let metadata: Metadata
  let files: [any StoredFile]
  private let shards: [TensorName: any CheckpointSource]
  let formatDescription: String
  let checksumCoverage: ChecksumCoverage
  let tiedTensors: [[TensorName]]
  let stateDictKey: String?
  /// Where the files of a shard begin among all.
  private let firstFiles: [ObjectIdentifier: Int]

  /// - Parameter index: Path of the index.
  /// - Throws: `CheckpointError`.
  init(index path: String, label: String, options: OpenOptions) throws {
    let file = try InputFile.open(.path(path), temporaryFolder: options.temporaryFolder)
    guard file.length <= SafetensorsHeader.lengthLimit else {
      throw CheckpointError.malformed(path: path, reason: "index exceeds 100000000 bytes")
    }
    let map = try Self.weightMap(try file.bytes(at: 0, count: file.length), path: path)
    let folder = OutputTarget.folder(of: path)
    var opened: [TensorName: any CheckpointSource] = [:]
    var shards: [TensorName: any CheckpointSource] = [:]
    var tensors: [TensorSpec] = []
    var metadata = Metadata()
    for name in Set(map.map(\.shard)).sorted() {
      let source = try openShard(folder + name.string, options: options)
      opened[name] = source
      for (key, value) in source.metadata.sortedEntries {
        // What the shards do not agree about is a property of none of them.
        metadata[key] = metadata[key] ?? value
      }
    }
    for source in opened.values {
      for (key, value) in metadata.sortedEntries where source.metadata[key] != value { metadata[key] = nil }
    }
    for (tensor, shard) in map {
      guard let source = opened[shard], source.spec(tensor) != nil else {
        throw CheckpointError.missingTensor(path: folder + shard.string, tensor)
      }
      shards[tensor] = source
    }
    for (name, source) in opened.sorted(by: { $0.key < $1.key }) {
      for spec in source.tensors {
        // A tensor that the index leaves out, or has in another file, would differ between readers.
        guard shards[spec.name] === source else {
          throw CheckpointError.malformed(
            path: folder + name.string, reason: "tensor \"\(spec.name)\" is not where the index says")
        }
        tensors.append(spec)
      }
    }
    let keys = Set(opened.values.compactMap(\.stateDictKey)).sorted()
    guard keys.count <= 1 else {
      let names = keys.map { "\"\(escapedForDiagnostics($0))\"" }.joined(separator: ", ")
      throw CheckpointError.malformed(
        path: path, reason: "its files hold different state dicts, \(names); choose one with --key")
    }
    stateDictKey = keys.first
    var files: [any StoredFile] = []
    var firstFiles: [ObjectIdentifier: Int] = [:]
    for (_, source) in opened.sorted(by: { $0.key < $1.key }) {
      firstFiles[ObjectIdentifier(source)] = files.count
      files += source.files
    }
    let formats = Set(opened.values.map(\.formatDescription)).sorted().joined(separator: "; ")
    formatDescription = "\(opened.count) files of a sharded set: \(formats)"
    let coverage = opened.values.map(\.checksumCoverage)
    checksumCoverage = coverage.contains(.some) ? .some : ChecksumCoverage(coverage.map { $0 == .all })
    tiedTensors = Set(opened.values.flatMap(\.tiedTensors)).sorted { $0[0] < $1[0] }
    self.files = files
    self.firstFiles = firstFiles
    self.label = label
    self.tensors = tensors
    self.shards = shards
    self.metadata = metadata
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
    name.utf8.allSatisfy { $0 != UInt8(ascii: "/") && $0 >= 0x20 } && !name.hasPrefix(".")
      && (name.hasSuffix(".safetensors") || name.hasSuffix(".bin"))
  }

  func storedByteCount(_ name: TensorName) -> Int? { shards[name]?.storedByteCount(name) }

  func recordedChecksum(_ name: TensorName) -> UInt32? { shards[name]?.recordedChecksum(name) }

  func spec(_ name: TensorName) -> TensorSpec? { shards[name]?.spec(name) }

  func placement(of name: TensorName) -> (file: Int, offset: Int)? {
    guard let shard = shards[name], let place = shard.placement(of: name) else { return nil }
    return (file: firstFiles[ObjectIdentifier(shard)]! + place.file, offset: place.offset)
  }

  func read(_ name: TensorName, at byteOffset: Int, into buffer: UnsafeMutableRawBufferPointer) throws {
    try reader(of: name)(byteOffset, buffer)
  }

  func reader(of name: TensorName) -> TensorReader {
    if let shard = shards[name] { return shard.reader(of: name) }
    return { [label] _, _ in throw CheckpointError.missingTensor(path: label, name) }
  }
}

/// Opens a shard: a regular file of the folder itself, not a link out of it.
private func openShard(_ path: String, options: OpenOptions) throws -> any CheckpointSource {
  var status = stat()
  guard lstat(path, &status) == 0 else { throw CheckpointError.cannotOpen(path: path, code: errno) }
  guard status.st_mode & S_IFMT == S_IFREG else {
    throw CheckpointError.malformed(
      path: path, reason: "a shard must be a regular file in the folder of its index")
  }
  var options = options
  options.keepsPrefixes = true
  return try openFile(
    try InputFile.open(.path(path), temporaryFolder: options.temporaryFolder), options: options)
}
