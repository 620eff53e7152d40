/// An open file of `torch.save`, zip or legacy.
final class TorchFile: CheckpointSource {
  let label: String
  let tensors: [TensorSpec]
  let metadata = Metadata()
  let files: [any StoredFile]
  let formatDescription: String
  let stateDictKey: String?
  let tiedTensors: [[TensorName]]

  private let storages: TorchStorages
  private let views: [TensorName: (view: TorchTensor, spec: TensorSpec)]

  /// - Throws: `CheckpointError.malformed`, `.invalidRequest` for a key that is not there, or an error of reading.
  convenience init(_ file: InputFile, format: FileFormat, options: OpenOptions) throws {
    do {
      let contents = try format == .torchZip ? TorchContents(zip: file) : TorchContents(legacy: file)
      let name = format == .torchZip ? "PyTorch zip" : "PyTorch legacy"
      try self.init(file, contents, formatName: name, options)
    } catch let error as PickleError {
      throw CheckpointError.malformed(path: file.label, reason: "\(error)")
    } catch let error as ZipError {
      throw CheckpointError.malformed(path: file.label, reason: "\(error)")
    } catch let error as TorchTensorError {
      throw CheckpointError.malformed(path: file.label, reason: error.reason)
    }
  }

  private init(_ file: InputFile, _ contents: TorchContents, formatName: String, _ options: OpenOptions)
    throws
  {
    let (key, found) = try StateDictSelection(graph: contents.graph, keepsPrefixes: options.keepsPrefixes)
      .tensors(from: contents.root, key: options.key)
    stateDictKey = key
    formatDescription =
      key.isEmpty ? formatName : "\(formatName), state dict \"\(escapedForDiagnostics(key))\""
    storages = TorchStorages(file, contents.locations)
    label = file.label
    files = [file]
    var views: [TensorName: (view: TorchTensor, spec: TensorSpec)] = [:]
    var types: [TensorName: DType] = [:]
    for (name, reference) in found {
      do {
        let view = try contents.graph.tensor(reference)
        guard storages.size(view.storage.key) == view.storage.byteCount else {
          throw TorchTensorError("has a storage that is missing or of another size")
        }
        guard types.updateValue(view.dtype, forKey: view.storage.key) ?? view.dtype == view.dtype else {
          throw TorchTensorError("shares its storage with another element type")
        }
        let spec = TensorSpec(name: name, dtype: view.dtype, shape: view.shape)
        // An expanded view costs nothing in the file; without a bound a tiny file would fill memory and disk.
        guard spec.byteCount <= file.length + 1 << 24 else {
          throw TorchTensorError(
            "repeats its storage to \(spec.byteCount) bytes, more than the file could mean")
        }
        guard views.updateValue((view, spec), forKey: name) == nil else {
          throw TorchTensorError("appears twice once prefixes are removed")
        }
      } catch let error as TorchTensorError {
        throw CheckpointError.malformed(path: file.label, reason: "tensor \"\(name)\" \(error.reason)")
      }
    }
    self.views = views
    tensors = found.map { views[$0.name]!.spec }
    // Tensors without elements share nothing.
    tiedTensors = Dictionary(grouping: tensors.filter { $0.elementCount > 0 }) { views[$0.name]!.view }
      .values.filter { $0.count > 1 }.map { $0.map(\.name).sorted() }.sorted { $0[0] < $1[0] }
  }

  var checksumCoverage: ChecksumCoverage {
    ChecksumCoverage(views.values.map { storages.hasChecksum($0.view.storage.key) })
  }

  func spec(_ name: TensorName) -> TensorSpec? { views[name]?.spec }

  func read(_ name: TensorName, at byteOffset: Int, into buffer: UnsafeMutableRawBufferPointer) throws {
    guard let (view, spec) = views[name] else { throw CheckpointError.missingTensor(path: label, name) }
    try checkRange(of: spec, at: byteOffset, count: buffer.count)
    if buffer.isEmpty { return }
    let width = view.dtype.bitWidth / 8
    if view.isContiguous {
      try storages.read(view.storage.key, at: view.offset * width + byteOffset, into: buffer)
    } else {
      try storages.withWhole(view.storage.key) { view.gather(from: $0, at: byteOffset, into: buffer) }
    }
  }
}
