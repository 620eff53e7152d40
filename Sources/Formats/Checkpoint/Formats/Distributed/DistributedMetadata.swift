import Platform

/// The `.metadata` of a directory of `torch.distributed.checkpoint`: tensors, their chunks, and where each chunk is stored.
///
/// It is a pickle of dataclasses, read as inert data. Source: PyTorch, `torch/distributed/checkpoint/metadata.py` and
/// `filesystem.py`:
///
/// - `Metadata.state_dict_metadata[fqn]` is `TensorStorageMetadata(properties, size, chunks)`, or `BytesStorageMetadata` for
///   objects, which are left out.
/// - `Metadata.storage_data[MetadataIndex(fqn, offset)]` is `_StorageInfo(relative_path, offset, length)`, with
///   `transform_descriptors` where the bytes were transformed.
/// - `Metadata.planner_data[fqn]` is the path of keys whose join by dots is the name.
struct DistributedMetadata {
  static let fileName = ".metadata"

  /// A part of a file.
  struct Place: Equatable {
    /// Name of the file in the directory.
    var file: String
    var offset: Int
    var length: Int
  }

  /// A chunk of a tensor; those without elements are stored nowhere.
  struct Chunk {
    var offsets: [Int]
    var sizes: [Int]
    var place: Place
  }

  struct Tensor {
    /// Keys on the way to the tensor, joined by dots.
    var name: TensorName
    /// The keys, if the writer kept them apart; the last one is the name within its state dict.
    var path: [String]
    var dtype: DType
    var shape: [Int]
    var chunks: [Chunk]
    /// A reason that the tensor cannot be read, although others can.
    var obstacle: String?
  }

  /// In the order of the file.
  private(set) var tensors: [Tensor] = []
  /// Number of objects that are no tensors.
  private(set) var objectCount = 0

  private static let lengthLimit = 1 << 28

  /// - Throws: `CheckpointError.malformed`, or an error of reading.
  init(_ file: InputFile) throws {
    guard file.length <= Self.lengthLimit else {
      throw CheckpointError.malformed(path: file.label, reason: "exceeds \(Self.lengthLimit) bytes")
    }
    do {
      try self.init(pickle: try file.bytes(at: 0, count: file.length))
    } catch let error as PickleError {
      throw CheckpointError.malformed(path: file.label, reason: "\(error)")
    } catch let fault as Fault {
      throw CheckpointError.malformed(path: file.label, reason: fault.reason)
    } catch StateDictError.none(let reason) {
      throw CheckpointError.malformed(path: file.label, reason: reason)
    }
  }

  /// Why the objects of the pickle are no metadata.
  struct Fault: Error, Equatable {
    var reason: String
    init(_ reason: String) { self.reason = reason }
  }

  /// - Throws: `PickleError`, `Fault`, or `StateDictError` for objects that repeat without bound.
  init(pickle bytes: [UInt8]) throws {
    var interpreter = PickleInterpreter(bytes)
    let root = try interpreter.run()
    let graph = interpreter.graph
    guard let tensors = try graph.field("state_dict_metadata", of: root).flatMap(graph.members) else {
      throw Fault("is no metadata of torch.distributed.checkpoint")
    }
    let budget = PickleWorkBudget(graph)
    let places = try Places(graph, root, budget)
    let paths = try Self.paths(graph, root, budget)
    let reformulated = try Self.reformulated(graph, root, budget)
    var seen: Set<TensorName> = []
    for entry in tensors {
      guard let text = graph.string(entry.key) else { throw Fault("a name of a tensor is no text") }
      try budget.spend(text.utf8.count + 1)
      let name = TensorName(text)
      guard seen.insert(name).inserted else { throw Fault("tensor \"\(name)\" appears twice") }
      guard let chunks = try graph.field("chunks", of: entry.value) else {
        objectCount += 1
        continue
      }
      var tensor = try Self.tensor(name, entry.value, chunks, graph, places, budget)
      tensor.path = paths[name] ?? [text]
      if reformulated.contains(name) {
        tensor.obstacle =
          "is stored flattened by Megatron's distributed optimizer, not as a tensor of the model"
      }
      self.tensors.append(tensor)
    }
  }

  private static func tensor(
    _ name: TensorName, _ reference: PickleGraph.Reference, _ chunkList: PickleGraph.Reference,
    _ graph: PickleGraph, _ places: Places, _ budget: PickleWorkBudget
  ) throws -> Tensor {
    guard let shape = try graph.field("size", of: reference).flatMap(graph.integers),
      case .list(let items) = graph[chunkList], let properties = try graph.field("properties", of: reference),
      let type = try elementType(properties, graph)
    else { throw Fault("tensor \"\(name)\": shape, chunks or properties are damaged") }
    var tensor = Tensor(name: name, path: [], dtype: .u8, shape: shape, chunks: [])
    if let dtype = TorchElement.dtype(type) {
      tensor.dtype = dtype
      guard checkedBitCount(dtype, shape) != nil else { throw Fault("tensor \"\(name)\": impossible shape") }
    } else {
      tensor.obstacle = "has the element type \(escapedForDiagnostics(type)), which is not supported"
      return tensor
    }
    try budget.spend(items.count * (1 + shape.count))
    tensor.chunks.reserveCapacity(items.count)
    for item in items {
      guard let offsets = try graph.field("offsets", of: item).flatMap(graph.integers),
        let sizes = try graph.field("sizes", of: item).flatMap(graph.integers)
      else { throw Fault("tensor \"\(name)\": a chunk is damaged") }
      // FSDP gives ranks without a part of the tensor an empty chunk at its end.
      if sizes.contains(0) { continue }
      guard let info = places[name, offsets] else {
        throw Fault("tensor \"\(name)\": the chunk at \(offsets) is stored nowhere")
      }
      if let transforms = info.transforms {
        tensor.obstacle = "was transformed when it was written (\(transforms)), which is not supported"
      }
      tensor.chunks.append(Chunk(offsets: offsets, sizes: sizes, place: info.place))
    }
    return tensor
  }

  /// `torch.float32` in the state of TensorProperties: `(dtype, layout, requires_grad, memory format, pinned)`.
  private static func elementType(
    _ properties: PickleGraph.Reference, _ graph: PickleGraph
  ) throws -> String? {
    guard case .object(_, _, let state?, _) = graph[properties] else { return nil }
    if let items = graph.tuple(state) { return items.first.flatMap(graph.global) }
    return try graph.field("dtype", of: properties).flatMap(graph.global)
  }

  /// `planner_data`: the keys of every name, where the planner has flattened dictionaries.
  private static func paths(
    _ graph: PickleGraph, _ root: PickleGraph.Reference, _ budget: PickleWorkBudget
  ) throws -> [TensorName: [String]] {
    guard let members = try graph.field("planner_data", of: root).flatMap(graph.members) else { return [:] }
    var paths: [TensorName: [String]] = [:]
    for member in members {
      guard let name = graph.string(member.key), let items = graph.tuple(member.value), items.count <= 64
      else { continue }
      try budget.spend(name.utf8.count + items.count)
      let keys = items.compactMap { graph.string($0) ?? graph.integer($0).map(String.init) }
      try budget.spend(keys.reduce(0) { $0 + $1.utf8.count })
      // A path that does not spell the name is ignored.
      guard keys.count == items.count, keys.joined(separator: ".").utf8.elementsEqual(name.utf8) else {
        continue
      }
      paths[TensorName(name)] = keys
    }
    return paths
  }

  /// `mcore_data`: Megatron's tensors that are stored in another shape than they have.
  private static func reformulated(
    _ graph: PickleGraph, _ root: PickleGraph.Reference, _ budget: PickleWorkBudget
  ) throws -> Set<TensorName> {
    guard let members = try graph.field("mcore_data", of: root).flatMap(graph.members) else { return [] }
    var names: Set<TensorName> = []
    for member in members {
      guard let name = graph.string(member.key) else { continue }
      try budget.spend(name.utf8.count + 8 + (graph.members(member.value)?.count ?? 0))
      if graph.member("nd_reformulated_orig_global_shape", of: member.value) != nil {
        names.insert(TensorName(name))
      }
    }
    return names
  }
}

extension PickleGraph {
  /// The most members that an object of the metadata may have; PyTorch's have up to seven.
  private static let fieldLimit = 64

  /// A member of an object of the metadata.
  ///
  /// - Throws: `DistributedMetadata.Fault` for an object with more members than PyTorch's have. Many objects may share one
  ///   state, so that searching a long one for each of them would take quadratic time.
  fileprivate func field(
    _ name: String, of reference: Reference
  ) throws(DistributedMetadata.Fault) -> Reference? {
    guard case .object(_, _, let state?, _) = self[reference], let members = members(state) else {
      return nil
    }
    guard members.count <= Self.fieldLimit else {
      throw DistributedMetadata.Fault("an object has \(members.count) members, more than any of PyTorch's")
    }
    return member(name, of: state)
  }
}

/// `storage_data`: the place of every chunk.
private struct Places {
  struct Key: Hashable {
    var name: TensorName
    var offsets: [Int]
  }

  struct Info {
    var place: DistributedMetadata.Place
    /// Names of the transforms; nil without any.
    var transforms: String?
  }

  private var infos: [Key: Info] = [:]

  init(_ graph: PickleGraph, _ root: PickleGraph.Reference, _ budget: PickleWorkBudget) throws {
    guard let members = try graph.field("storage_data", of: root).flatMap(graph.members) else {
      throw DistributedMetadata.Fault("does not say where tensors are stored")
    }
    for member in members {
      guard let name = try graph.field("fqn", of: member.key).flatMap(graph.string) else {
        throw DistributedMetadata.Fault("an entry of storage_data has no name")
      }
      // Objects have no offset.
      guard let offset = try graph.field("offset", of: member.key), let offsets = graph.integers(offset)
      else {
        continue
      }
      let info = member.value
      guard let path = try graph.field("relative_path", of: info).flatMap(graph.string),
        let start = try graph.field("offset", of: info).flatMap(graph.integer),
        let length = try graph.field("length", of: info).flatMap(graph.integer), start >= 0, length >= 0
      else {
        throw DistributedMetadata.Fault("tensor \"\(TensorName(name))\": where it is stored is damaged")
      }
      try budget.spend(name.utf8.count + path.utf8.count + offsets.count + 8)
      guard isPlainName(path) else {
        throw DistributedMetadata.Fault(
          "tensor \"\(TensorName(name))\": is stored in \"\(escapedForDiagnostics(path))\", which is no file of the directory"
        )
      }
      let key = Key(name: TensorName(name), offsets: offsets)
      let place = DistributedMetadata.Place(file: path, offset: start, length: length)
      guard
        infos.updateValue(
          Info(place: place, transforms: try transforms(of: info, graph, budget)), forKey: key) == nil
      else { throw DistributedMetadata.Fault("tensor \"\(key.name)\": a chunk is stored twice") }
    }
  }

  private func transforms(
    of info: PickleGraph.Reference, _ graph: PickleGraph, _ budget: PickleWorkBudget
  ) throws -> String? {
    guard let list = try graph.field("transform_descriptors", of: info), list != PickleGraph.noneReference
    else { return nil }
    let items: [PickleGraph.Reference]
    switch graph[list] {
    case .list(let found), .tuple(let found): items = found
    default: return "unknown"
    }
    if items.isEmpty { return nil }
    let names = items.prefix(8).map {
      escapedForDiagnostics(String((graph.string($0) ?? "unknown").prefix(80)))
    }
    try budget.spend(names.reduce(0) { $0 + $1.utf8.count })
    return names.joined(separator: ", ")
  }

  subscript(name: TensorName, offsets: [Int]) -> Info? { infos[Key(name: name, offsets: offsets)] }
}

/// True for the name of a file that cannot lead out of its folder, nor to a hidden file.
func isPlainName(_ name: String) -> Bool {
  !name.isEmpty && name.utf8.count <= 255 && name.utf8.first != UInt8(ascii: ".")
    && name.utf8.allSatisfy { $0 != UInt8(ascii: "/") && $0 >= 0x20 }
}
