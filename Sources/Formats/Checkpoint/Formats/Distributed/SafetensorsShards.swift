import Platform

/// Metadata key of a safetensors file of `torch.distributed.checkpoint`: a JSON object that says which part of each tensor
/// the file holds, `{"NAME": {"saved_offsets": [0, 128]}}`.
private let shardingKey = "DCP_SHARDING_INFO"

/// The sharding information of a file; nil where it has none.
///
/// - Throws: `CheckpointError.malformed` for what is no JSON object.
func shardingInfo(of file: SafetensorsFile) throws(CheckpointError) -> JSON? {
  guard let text = file.metadata[shardingKey] else { return nil }
  guard let json = try? JSON.parse(Array(text.utf8)), json.objectValue != nil else {
    throw .malformed(path: file.label, reason: "its \(shardingKey) is damaged")
  }
  return json
}

/// The first element of a tensor's part along every dimension; nil where it is not said, or not as whole numbers.
func offsets(of name: TensorName, in info: JSON) -> [Int]? {
  guard let items = info[name.string]?["saved_offsets"]?.arrayValue else { return nil }
  let offsets = items.compactMap(\.intValue)
  return offsets.count == items.count ? offsets : nil
}

/// Opens a folder of the Hugging Face storage of `torch.distributed.checkpoint`, one safetensors file or several per rank,
/// named like `shard-00002-model-00001-of-00003.safetensors`.
///
/// There is no index: the shape of a tensor is what its parts reach to. The ranks must be complete from the first to the
/// last that is there; a missing last rank leaves no trace. Source: PyTorch,
/// `torch/distributed/checkpoint/hf_storage.py` and `_consolidate_hf_safetensors.py`.
///
/// - Parameters:
///   - folder: Path with a slash at the end.
///   - label: Name in diagnostics.
///   - options: Options; a key has no meaning.
/// - Throws: `CheckpointError`.
func openSafetensorsShards(
  in folder: String, label: String, options: OpenOptions
) throws -> any CheckpointSource {
  try options.checkKey(for: label, format: "a folder of safetensors shards")
  var files = FolderFiles(folder)
  var metadata: [Metadata] = []
  var order: [TensorName] = []
  var parts: [TensorName: (dtype: DType, chunks: [TensorChunk])] = [:]
  let names = fileNames(in: folder).compactMap { name in RankShardName(name).map { (name, $0) } }
  let ranks = try RankShardName.checkComplete(names.map(\.1), label: label)
  for (name, _) in names {
    let source = try SafetensorsFile(try files.open(name).file)
    guard let info = try shardingInfo(of: source) else {
      throw CheckpointError.malformed(path: source.label, reason: "has no \(shardingKey)")
    }
    var entries = source.metadata
    entries[shardingKey] = nil
    entries["DCP_VERSION"] = nil
    metadata.append(entries)
    for (index, spec) in source.tensors.enumerated() {
      guard let offsets = offsets(of: spec.name, in: info), offsets.count == spec.shape.count,
        spec.dtype.bitWidth >= 8, offsets.allSatisfy({ $0 >= 0 })
      else {
        throw CheckpointError.malformed(
          path: source.label, reason: "tensor \"\(spec.name)\": its \(shardingKey) is missing or damaged")
      }
      let chunk = TensorChunk(offsets: offsets, sizes: spec.shape, reader: source.reader(at: index))
      guard let known = parts[spec.name] else {
        order.append(spec.name)
        parts[spec.name] = (spec.dtype, [chunk])
        continue
      }
      guard known.dtype == spec.dtype, known.chunks[0].sizes.count == spec.shape.count else {
        throw CheckpointError.mismatch(
          path: source.label, spec.name, expected: layoutText(known.dtype, known.chunks[0].sizes),
          found: spec.layout)
      }
      parts[spec.name]!.chunks.append(chunk)
    }
  }
  var total = 0
  let tensors: [AssembledCheckpoint.Tensor] = try order.map { name in
    let (dtype, chunks) = parts[name]!
    func fail(_ reason: String) -> CheckpointError {
      .malformed(path: label, reason: "tensor \"\(name)\" \(reason)")
    }
    var shape = [Int](repeating: 0, count: chunks[0].sizes.count)
    for chunk in chunks {
      for dimension in shape.indices {
        guard let end = chunk.offsets[dimension].adding(exactly: chunk.sizes[dimension]) else {
          throw fail("reaches to an impossible size")
        }
        shape[dimension] = max(shape[dimension], end)
      }
    }
    guard checkedBitCount(dtype, shape) != nil else { throw fail("reaches to an impossible size") }
    let spec = TensorSpec(name: name, dtype: dtype, shape: shape)
    guard let sum = total.adding(exactly: spec.byteCount), sum <= files.byteCount else {
      throw fail("reaches to \(shape), more than the files hold")
    }
    total = sum
    do {
      return AssembledCheckpoint.Tensor(
        spec: spec, chunks: try TensorChunks(chunks, shape: shape, width: dtype.bitWidth / 8), place: nil,
        isCovered: false)
    } catch {
      throw fail("\(error)")
    }
  }
  return try AssembledCheckpoint(
    label: label,
    formatDescription: "safetensors shards of ranks 1 to \(ranks), \(names.count) files", files: files.files,
    tensors: tensors, metadata: Metadata(agreedBy: metadata))
}

/// `shard-00002-model-00001-of-00003.safetensors`: rank, number and count of the rank's files, all from 1.
struct RankShardName: Equatable {
  var rank: Int
  var number: Int
  var count: Int

  /// - Returns: nil for any other name.
  init?(_ name: String) {
    guard let stem = name.dropping(prefix: "shard-")?.dropping(suffix: ".safetensors") else { return nil }
    let words = stem.split(separator: "-", omittingEmptySubsequences: false)
    guard words.count == 5, words[1] == "model", words[3] == "of", let rank = Self.number(words[0]),
      let number = Self.number(words[2]), let count = Self.number(words[4]), number <= count
    else { return nil }
    self.rank = rank
    self.number = number
    self.count = count
  }

  private static func number(_ text: Substring) -> Int? {
    guard (5...9).contains(text.utf8.count), text.utf8.allSatisfy({ (0x30...0x39).contains($0) }),
      let value = Int(text), value > 0
    else { return nil }
    return value
  }

  /// The number of ranks, all of which are there from 1 on, with as many files as their names say or, where a rank had
  /// nothing for a file, fewer.
  ///
  /// - Throws: `CheckpointError.incompleteFolder`.
  static func checkComplete(_ names: [Self], label: String) throws(CheckpointError) -> Int {
    let ranks = Set(names.map(\.rank))
    let last = ranks.max() ?? 0
    guard Set(names.map(\.count)).count <= 1 else {
      throw .incompleteFolder(path: label, reason: "holds shards of several checkpoints")
    }
    guard last == ranks.count else {
      let missing = (1...last).first { !ranks.contains($0) }!
      throw .incompleteFolder(path: label, reason: "lacks the shards of rank \(missing) of at least \(last)")
    }
    return last
  }
}
