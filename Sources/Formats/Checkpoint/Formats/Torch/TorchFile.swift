/// An open file of `torch.save`, zip or legacy.
final class TorchFile: CheckpointSource {
  let label: String
  let tensors: [TensorSpec]
  let metadata: Metadata
  let storage: CheckpointStorage
  let origin: CheckpointOrigin

  private let storages: TorchStorages
  private let views: [TorchTensor]
  private let indices: [TensorName: Int]

  /// - Throws: `CheckpointError.malformed`, `.noStateDict`, `.ambiguousStateDict`, `.partOfCheckpoint`, or an error of
  ///   reading.
  convenience init(_ file: InputFile, format: FileFormat, options: OpenOptions) throws {
    do {
      let contents = try format == .torchZip ? TorchContents(zip: file) : TorchContents(legacy: file)
      let name = format == .torchZip ? "PyTorch zip" : "PyTorch legacy"
      try self.init(file, contents, formatName: name, options)
    } catch let error as PickleError {
      throw CheckpointError.malformed(path: file.label, reason: "\(error)")
    } catch let error as ZipError {
      throw CheckpointError.malformed(path: file.label, reason: "\(error)")
    } catch let error as StateDictError {
      switch error {
      case .none(let reason): throw CheckpointError.noStateDict(path: file.label, reason: reason)
      case .ambiguous(let keys): throw CheckpointError.ambiguousStateDict(path: file.label, keys: keys)
      }
    }
  }

  private init(
    _ file: InputFile, _ contents: TorchContents, formatName: String, _ options: OpenOptions
  ) throws {
    let graph = contents.graph
    let (choice, found) = try StateDictSelection(graph: graph, root: contents.root).select(options.key)
    let storages = TorchStorages(file, contents.locations)
    var views: [TorchTensor] = []
    var tensors: [TensorSpec] = []
    var indices: [TensorName: Int] = [:]
    var types: [TensorName: DType] = [:]
    for (name, reference) in found.tensors {
      do {
        let view = try graph.tensor(reference)
        guard storages.size(view.storage.key) == view.storage.byteCount else {
          throw TorchTensorError("has a storage that is missing or of another size")
        }
        guard types.updateValue(view.dtype, forKey: view.storage.key) ?? view.dtype == view.dtype else {
          throw TorchTensorError("shares its storage with another element type")
        }
        let spec = TensorSpec(name: name, dtype: view.dtype, shape: view.shape)
        // An expanded view costs nothing in the file; without a bound a tiny file would fill memory and disk. What a storage
        // holds, deflated or not, is no repetition.
        guard spec.byteCount <= max(view.storage.byteCount, file.length + 1 << 24) else {
          throw TorchTensorError(
            "repeats its storage to \(spec.byteCount) bytes, more than the file could mean")
        }
        guard indices.updateValue(tensors.count, forKey: name) == nil else {
          throw TorchTensorError("appears twice, under a number and under a text")
        }
        views.append(view)
        tensors.append(spec)
      } catch let error as TorchTensorError {
        throw CheckpointError.malformed(path: file.label, reason: "tensor \"\(name)\" \(error.reason)")
      }
    }
    try Self.refusePlaceholders(tensors, graph, contents.root, label: file.label)
    self.storages = storages
    self.views = views
    self.tensors = tensors
    self.indices = indices
    label = file.label
    metadata = graph.metadata(ofStateDict: found.reference)
    storage = CheckpointStorage(
      formatDescription: formatName, files: [file],
      tensors: zip(tensors, views).map { spec, view in
        CheckpointStorage.StoredTensor(
          byteCount: spec.byteCount, place: storages.place(of: view), checksum: nil,
          isCovered: storages.hasChecksum(view.storage.key))
      })
    // Tensors without elements share nothing.
    var groups: [TorchTensor: [TensorName]] = [:]
    for (spec, view) in zip(tensors, views) where spec.elementCount > 0 {
      groups[view, default: []].append(spec.name)
    }
    var origin = CheckpointOrigin(
      tiedTensors: groups.values.filter { $0.count > 1 }.map { $0.sorted() }.sorted { $0[0] < $1[0] })
    origin.stateDict = choice
    origin.model = graph.recordedModel(root: contents.root)
    self.origin = origin
  }

  /// ZeRO stage 3 leaves tensors without elements in the place of parameters, whose values are in other files.
  private static func refusePlaceholders(
    _ tensors: [TensorSpec], _ graph: PickleGraph, _ root: PickleGraph.Reference, label: String
  ) throws(CheckpointError) {
    let empty = tensors.count { $0.elementCount == 0 && $0.dtype.isFloatingPoint }
    let isDeepSpeed = ["ds_version", "ds_config", "param_shapes"].contains {
      graph.member($0, of: root) != nil
    }
    guard empty > 0, isDeepSpeed || empty > 1 && empty == tensors.count else { return }
    throw .partOfCheckpoint(
      path: label,
      reason:
        "holds no values for \(empty) of \(tensors.count) tensors, as DeepSpeed's ZeRO stage 3 leaves them"
    )
  }

  func index(of name: TensorName) -> Int? { indices[name] }

  func reader(at index: Int) -> TensorReader {
    let (view, spec) = (views[index], tensors[index])
    let width = view.dtype.bitWidth / 8
    return { [self] byteOffset, buffer in
      try checkRange(of: spec, at: byteOffset, count: buffer.count)
      if buffer.isEmpty { return }
      if view.isContiguous {
        try storages.read(
          view.storage.key, at: view.offset * width + byteOffset, into: buffer,
          isWhole: spec.byteCount == view.storage.byteCount)
      } else {
        try storages.withWhole(view.storage.key) { view.gather(from: $0, at: byteOffset, into: buffer) }
      }
    }
  }
}

extension PickleGraph {
  /// Metadata that the tools have written as `_metadata["ckpt"]` of an ordered dictionary: texts by key.
  fileprivate func metadata(ofStateDict reference: Reference) -> Metadata {
    var metadata = Metadata()
    let entries = attribute("_metadata", of: reference).flatMap { member(TorchPickle.metadataKey, of: $0) }
    for entry in entries.flatMap(members) ?? [] {
      if let key = string(entry.key), let value = string(entry.value) { metadata[key] = value }
    }
    return metadata
  }
}
