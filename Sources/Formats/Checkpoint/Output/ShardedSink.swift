import Platform

/// Writes a sharded set into a folder: files of limited size and `model.safetensors.index.json`.
///
/// The set replaces an earlier one as a whole. Naming and greedy filling in the order of the tensors as in huggingface_hub (`split_state_dict_into_shards_factory`).
final class ShardedSink: TensorSink {
  private let folder: String
  private let plan: [[TensorSpec]]
  private let options: WriteOptions
  private let metadata: Metadata
  private var sinks: [any TensorSink] = []
  private var remaining: Int
  private let staged: StagedFolder

  /// The tensors of each shard, each in canonical order.
  static func plan(_ tensors: [TensorSpec], maxBytes: Int) -> [[TensorSpec]] {
    var shards: [[TensorSpec]] = []
    var size = 0
    for spec in tensors {
      if shards.isEmpty || (size + spec.byteCount > maxBytes && size > 0) {
        shards.append([])
        size = 0
      }
      shards[shards.count - 1].append(spec)
      size += spec.byteCount
    }
    return shards.isEmpty ? [[]] : shards.map(SafetensorsHeader.canonicalOrder)
  }

  init(_ folder: String, plan: [[TensorSpec]], metadata: Metadata, options: WriteOptions)
    throws(CheckpointError)
  {
    staged = try StagedFolder(
      replacing: folder, index: ShardedSet.indexName,
      isReplaced: { Self.isShardName($0) || TensorName($0) == TensorName(ShardedSet.indexName) })
    self.folder = folder
    self.plan = plan
    self.metadata = metadata
    self.options = options
    remaining = 0
    try startShard()
  }

  static func shardName(_ index: Int, of count: Int) -> String {
    func digits(_ value: Int) -> String {
      String(repeating: "0", count: max(0, 5 - "\(value)".count)) + "\(value)"
    }
    return "model-\(digits(index + 1))-of-\(digits(count)).safetensors"
  }

  /// `model-00001-of-00004.safetensors`.
  private static func isShardName(_ name: String) -> Bool {
    guard let stem = name.dropping(prefix: "model-")?.dropping(suffix: ".safetensors") else { return false }
    let parts = stem.utf8.split(separator: UInt8(ascii: "-"), omittingEmptySubsequences: false)
    return parts.count == 3 && parts[1].elementsEqual("of".utf8)
      && [parts[0], parts[2]].allSatisfy { $0.count >= 5 && $0.allSatisfy { (0x30...0x39).contains($0) } }
  }

  /// The folder in which the set, and what belongs to it, is put together.
  var workingFolder: String { staged.path }

  var canReplaceMetadata: Bool { false }

  private func startShard() throws(CheckpointError) {
    let output = try OutputFile(.path("\(staged.path)/\(Self.shardName(sinks.count, of: plan.count))"))
    let tensors = plan[sinks.count]
    remaining = tensors.count
    sinks.append(
      options.compress
        ? try CompressedSink(output, metadata: metadata, options: options)
        : try PlainSink(output, tensors: tensors, metadata: metadata))
  }

  func write(_ bytes: UnsafeRawBufferPointer, of spec: TensorSpec) throws {
    try sinks.last!.write(bytes, of: spec)
  }

  func end(_ spec: TensorSpec) throws {
    try sinks.last!.end(spec)
    remaining -= 1
    if remaining == 0 && sinks.count < plan.count {
      try sinks.last!.complete(metadata: nil)
      try startShard()
    }
  }

  func complete(metadata: Metadata?) throws {
    guard metadata == nil || metadata == self.metadata else {
      throw CheckpointError.invalidRequest(
        path: folder, reason: "the metadata of a sharded set cannot be replaced")
    }
    try sinks.last!.complete(metadata: nil)
    let total = plan.joined().reduce(0) { $0 + $1.byteCount }
    let map = plan.enumerated().flatMap { number, tensors in
      tensors.map { ($0.name, JSON.string(Self.shardName(number, of: plan.count))) }
    }
    let index = try OutputFile(.path("\(staged.path)/\(ShardedSet.indexName)"))
    let json = JSON.object([
      ("metadata", .object([("total_size", JSON(total))])),
      ("weight_map", .object(map.sorted { $0.0 < $1.0 }.map { ($0.0.string, $0.1) })),
    ])
    try index.write(Array((json.encoded() + "\n").utf8))
    try index.commit()
  }

  func commit() throws {
    for sink in sinks { try sink.commit() }
    try staged.commit()
  }

  func abort() {
    for sink in sinks { sink.abort() }
    staged.abort()
  }
}
