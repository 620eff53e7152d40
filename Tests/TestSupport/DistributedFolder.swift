import Checkpoint
import Foundation

/// A directory of `torch.distributed.checkpoint` as several ranks write it, made by hand.
package struct DistributedFolder {
  /// Forms of the data files.
  package enum Serialization: CaseIterable, Sendable {
    /// An archive of `torch.save` for every chunk.
    case torch
    /// One safetensors file per rank.
    case safetensors
  }

  /// A part of a tensor in the file of a rank.
  package struct Chunk {
    package var rank: Int
    package var offsets: [Int]
    package var sizes: [Int]

    package init(rank: Int, offsets: [Int], sizes: [Int]) {
      self.rank = rank
      self.offsets = offsets
      self.sizes = sizes
    }
  }

  package struct Tensor {
    package var path: [String]
    package var value: TensorValue
    package var chunks: [Chunk]

    package var name: String { path.joined(separator: ".") }

    package init(_ path: [String], _ value: TensorValue, _ chunks: [Chunk]) {
      self.path = path
      self.value = value
      self.chunks = chunks
    }

    /// A tensor that is cut along a dimension as FSDP cuts it: ⌈n / ranks⌉ each, the last ones less or nothing.
    package init(_ path: [String], _ value: TensorValue, cutAlong dimension: Int, ranks: Int) {
      let size = value.shape[dimension]
      let share = (size + ranks - 1) / ranks
      let chunks = (0..<ranks).map { rank in
        var offsets = value.shape.map { _ in 0 }
        var sizes = value.shape
        offsets[dimension] = min(rank * share, size)
        sizes[dimension] = min(share, size - offsets[dimension])
        return Chunk(rank: rank, offsets: offsets, sizes: sizes)
      }
      self.init(path, value, chunks)
    }

    /// A tensor that one rank writes as a whole.
    package init(_ path: [String], _ value: TensorValue, rank: Int = 0) {
      self.init(
        path, value, [Chunk(rank: rank, offsets: value.shape.map { _ in 0 }, sizes: value.shape)])
    }
  }

  /// Where a slice is stored, before the metadata are written.
  package struct Place {
    package var file: String
    package var offset: Int
    package var length: Int
    package var transforms: [String]?
  }

  package var tensors: [Tensor]
  package var serialization = Serialization.torch
  /// True if the writer kept the keys apart.
  package var hasPaths = true
  /// Names of objects that are no tensors.
  package var objects: [String] = []
  package var hasChecksums = true
  /// Names of tensors that Megatron has stored in another shape.
  package var reformulated: [String] = []
  /// A change of a slice's place, for what is wrong with a directory.
  package var place: (_ tensor: Tensor, _ chunk: Chunk, _ place: Place) -> Place? = { _, _, place in place }

  package init(_ tensors: [Tensor]) { self.tensors = tensors }

  /// Writes the directory.
  package func write(to folder: String) throws {
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    var files: [Int: [UInt8]] = [:]
    var storage: [(PickleValue, PickleValue)] = []
    var parts: [Int: [(tensor: Tensor, chunk: Chunk)]] = [:]
    for object in objects {
      let start = files[0, default: []].count
      let data = TorchArchive().bytes(of: .members([("step", .int(3))]))
      files[0, default: []] += data
      storage.append(
        (
          Self.index(object, nil),
          Self.info(Place(file: Self.fileName(0), offset: start, length: data.count))
        ))
    }
    var seen: Set<String> = []
    for tensor in tensors {
      for chunk in tensor.chunks {
        // Ranks without a part share the key of an empty chunk, of which a dictionary keeps one.
        guard seen.insert("\(tensor.name) \(chunk.offsets)").inserted else { continue }
        let value = Self.part(of: tensor.value, chunk)
        var place = Place(file: Self.fileName(chunk.rank), offset: 0, length: value.bytes.count)
        switch serialization {
        case .torch:
          let data = TorchArchive.file(of: value, hasChecksums: hasChecksums)
          place.offset = files[chunk.rank, default: []].count
          place.length = data.count
          files[chunk.rank, default: []] += data
        case .safetensors: parts[chunk.rank, default: []].append((tensor, chunk))
        }
        if let place = self.place(tensor, chunk, place) {
          storage.append((Self.index(tensor.name, chunk.offsets), Self.info(place)))
        }
      }
    }
    for (rank, parts) in parts { files[rank] = Self.safetensors(parts) }
    for (rank, bytes) in files {
      try Data(bytes).write(to: URL(fileURLWithPath: "\(folder)/\(Self.fileName(rank))"))
    }
    try Data(metadata(storage).pickle).write(to: URL(fileURLWithPath: "\(folder)/.metadata"))
  }

  /// Writes the files of the Hugging Face storage: no metadata file, one safetensors file per rank.
  package func writeRankShards(to folder: String) throws {
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    var parts: [Int: [(tensor: Tensor, chunk: Chunk)]] = [:]
    for tensor in tensors {
      for chunk in tensor.chunks { parts[chunk.rank, default: []].append((tensor, chunk)) }
    }
    for (rank, parts) in parts {
      let name = "shard-0000\(rank + 1)-model-00001-of-00001.safetensors"
      try Data(Self.safetensors(parts)).write(to: URL(fileURLWithPath: "\(folder)/\(name)"))
    }
  }

  package static func fileName(_ rank: Int) -> String { "__\(rank)_0.distcp" }

  /// A part of a tensor, element by element.
  package static func part(of value: TensorValue, _ chunk: Chunk) -> TensorValue {
    let width = value.dtype.bitWidth / 8
    var bytes: [UInt8] = []
    for element in 0..<chunk.sizes.reduce(1, *) {
      var rest = element
      var position = 0
      var stride = 1
      for dimension in value.shape.indices.reversed() {
        position += (chunk.offsets[dimension] + rest % chunk.sizes[dimension]) * stride
        rest /= chunk.sizes[dimension]
        stride *= value.shape[dimension]
      }
      bytes += value.bytes[position * width..<(position + 1) * width]
    }
    return TensorValue(dtype: value.dtype, shape: chunk.sizes, bytes: bytes)
  }

  // MARK: Metadata

  private func metadata(_ storage: [(PickleValue, PickleValue)]) -> PickleValue {
    let module = "torch.distributed.checkpoint.metadata"
    let tensors = self.tensors.map { tensor in
      let properties = PickleValue.instance(
        .global(module, "TensorProperties"),
        state: .tuple([
          .global("torch", Self.typeName(tensor.value.dtype)),
          .call(.global("torch.serialization", "_get_layout"), [.text("torch.strided")]), .bool(false),
          .call(.global(module, "_MEM_FORMAT_ENCODING"), [.int(0)]), .bool(false),
        ]))
      let chunks = tensor.chunks.map { chunk in
        PickleValue.instance(
          .global(module, "ChunkStorageMetadata"),
          state: .members([("offsets", .size(chunk.offsets)), ("sizes", .size(chunk.sizes))]))
      }
      return (
        tensor.name,
        PickleValue.instance(
          .global(module, "TensorStorageMetadata"),
          state: .members([
            ("properties", properties), ("size", .size(tensor.value.shape)), ("chunks", .list(chunks)),
          ]))
      )
    }
    let bytes = objects.map {
      ($0, PickleValue.instance(.global(module, "BytesStorageMetadata"), state: nil))
    }
    let paths = self.tensors.map { ($0.name, PickleValue.tuple($0.path.map { .text($0) })) }
    var members: [(String, PickleValue)] = [
      ("state_dict_metadata", .members(tensors + bytes)),
      ("planner_data", hasPaths ? .members(paths) : .none), ("storage_data", .dictionary(storage)),
      (
        "storage_meta",
        .instance(
          .global(module, "StorageMeta"),
          state: .members([("checkpoint_id", .call(.global("pathlib", "PosixPath"), [.text("/tmp")]))]))
      ),
    ]
    if !reformulated.isEmpty {
      let shape = PickleValue.members([("nd_reformulated_orig_global_shape", .size([1]))])
      members.append(("mcore_data", .members(reformulated.map { ($0, shape) })))
    }
    return .instance(.global(module, "Metadata"), state: .members(members))
  }

  private static func index(_ name: String, _ offsets: [Int]?) -> PickleValue {
    var members: [(String, PickleValue)] = [("fqn", .text(name)), ("index", .none)]
    if let offsets { members.append(("offset", .size(offsets))) }
    return .instance(
      .global("torch.distributed.checkpoint.metadata", "MetadataIndex"), state: .members(members))
  }

  private static func info(_ place: Place) -> PickleValue {
    var members: [(String, PickleValue)] = [
      ("relative_path", .text(place.file)), ("offset", .int(place.offset)), ("length", .int(place.length)),
    ]
    if let transforms = place.transforms {
      members.append(("transform_descriptors", .list(transforms.map { .text($0) })))
    }
    return .instance(
      .global("torch.distributed.checkpoint.filesystem", "_StorageInfo"), state: .members(members))
  }

  private static func typeName(_ dtype: DType) -> String {
    let names: [DType: String] = [
      .f64: "float64", .f32: "float32", .f16: "float16", .bf16: "bfloat16", .i64: "int64", .i32: "int32",
      .u8: "uint8", .bool: "bool", .f8e4m3: "float8_e4m3fn", .f8e5m2: "float8_e5m2",
    ]
    return names[dtype]!
  }

  private static func safetensors(_ parts: [(tensor: Tensor, chunk: Chunk)]) -> [UInt8] {
    var data: [UInt8] = []
    var entries: [(String, JSON)] = []
    var info: [(String, JSON)] = []
    for (tensor, chunk) in parts {
      let value = part(of: tensor.value, chunk)
      entries.append(
        (
          tensor.name,
          .object([
            ("dtype", .string(value.dtype.name)), ("shape", .array(value.shape.map { JSON($0) })),
            ("data_offsets", .array([JSON(data.count), JSON(data.count + value.bytes.count)])),
          ])
        ))
      info.append((tensor.name, .object([("saved_offsets", .array(chunk.offsets.map { JSON($0) }))])))
      data += value.bytes
    }
    let metadata = JSON.object([
      ("DCP_SHARDING_INFO", .string(JSON.object(info).encoded())), ("DCP_VERSION", .string("1.0")),
      ("format", .string("pt")),
    ])
    let header = Array(JSON.object([("__metadata__", metadata)] + entries).encoded().utf8)
    return (0..<8).map { UInt8(truncatingIfNeeded: header.count >> (8 * $0)) } + header + data
  }
}
