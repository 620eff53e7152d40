import Platform

/// Opens a folder of DeepSpeed's ZeRO, stages 1 to 3: the float32 weights that the optimizer keeps in partitions.
///
/// Source: DeepSpeed, `deepspeed/utils/zero_to_fp32.py` and `deepspeed/checkpoint/constants.py`. Of every rank there is a
/// file `zero_pp_rank_R_mp_rank_00_optim_states.pt`. Stages 1 and 2: the partitions of a group of parameters, one after the
/// other by rank, are the group's parameters one after the other, in the order of `param_shapes`. Stage 3: every rank has a
/// share of ⌈n / ranks⌉ elements of every parameter, one parameter after the other over its groups. Buffers come from the
/// model's own state dict, as do parameters that are not trained; names that share a parameter are copies of it.
///
/// As there, buffers of 16-bit floats become float32; unlike there, integers stay integers.
///
/// - Parameters:
///   - folder: Path with a slash at the end, of the files or of a folder with `latest`.
///   - label: Name in diagnostics.
///   - options: Options; a key has no meaning.
/// - Throws: `CheckpointError`.
func openZeroCheckpoint(
  in folder: String, label: String, options: OpenOptions
) throws -> any CheckpointSource {
  let files = try ZeroFiles(in: folder, label: label)
  if files.optimizerStates.isEmpty {
    // Without ZeRO the file of the model is the whole model.
    return try openFile(try InputFile(regularFileAt: files.folder + files.modelStates[0]), options: options)
  }
  try options.checkKey(for: label, format: "a folder of DeepSpeed")
  return try ZeroReader(files, label: label).checkpoint()
}

/// The tensors of a folder of ZeRO.
private struct ZeroReader {
  private let label: String
  private var files: FolderFiles
  private let partitions: ZeroPartitions
  private let models: [TorchObjects]

  init(_ names: ZeroFiles, label: String) throws {
    self.label = label
    var files = FolderFiles(names.folder)
    let optimizers = try names.optimizerStates.map { try TorchObjects(try files.open($0).file) }
    partitions = try ZeroPartitions(optimizers, label: label)
    // The states of the model of stages 1 and 2 are the same in all ranks and there once.
    let isThird = partitions.stage == 3
    models = try (isThird ? names.modelStates : [names.modelStates[0]]).map {
      try TorchObjects(try files.open($0).file)
    }
    guard !isThird || models.count == partitions.rankCount else {
      throw CheckpointError.incompleteFolder(
        path: label, reason: "has \(models.count) of \(partitions.rankCount) files *_model_states.pt")
    }
    self.files = files
  }

  func checkpoint() throws -> any CheckpointSource {
    let model = models[0]
    for key in ["ds_autoep_layers", "autoep_layers"] {
      if let layers = model.member(key), layers != PickleGraph.noneReference {
        throw CheckpointError.malformed(
          path: label, reason: "has partitioned experts (\(key)), which are not supported")
      }
    }
    var tensors = try buffers()
    tensors += try frozenParameters()
    tensors += try partitions.tensors(groups())
    var origin = CheckpointOrigin()
    (tensors, origin.tiedTensors) = try withAliases(tensors)
    // Lightning wraps the model.
    let wrapper = "_forward_module."
    if !tensors.isEmpty, tensors.allSatisfy({ $0.spec.name.string.begins(with: wrapper) }) {
      func bare(_ name: TensorName) -> TensorName {
        TensorName(name.string.dropping(prefix: wrapper) ?? name.string)
      }
      for index in tensors.indices { tensors[index].spec.name = bare(tensors[index].spec.name) }
      origin.tiedTensors = origin.tiedTensors.map { $0.map(bare) }
    }
    let total = tensors.map(\.spec.byteCount).checkedSum
    // Names that share a parameter repeat it.
    guard let total, total / 2 <= files.byteCount else {
      throw CheckpointError.malformed(path: label, reason: "describes more data than its files hold")
    }
    return try AssembledCheckpoint(
      label: label,
      formatDescription:
        "DeepSpeed ZeRO stage \(partitions.stage) of \(partitions.rankCount) rank\(partitions.rankCount == 1 ? "" : "s")",
      files: files.files, tensors: tensors, origin: origin)
  }

  private func fail(_ name: TensorName, _ reason: String) -> CheckpointError {
    .malformed(path: label, reason: "tensor \"\(name)\" \(reason)")
  }

  /// Names and shapes of the trained parameters, group by group.
  private func groups() throws(CheckpointError) -> [[ZeroPartitions.Parameter]] {
    guard let list = models[0].member("param_shapes") else {
      throw .malformed(path: label, reason: "lacks param_shapes in *_model_states.pt")
    }
    let graph = models[0].graph
    let dictionaries: [PickleGraph.Reference]
    switch graph[list] {
    case .list(let items), .tuple(let items): dictionaries = items
    default: dictionaries = [list]
    }
    var groups: [[ZeroPartitions.Parameter]] = []
    var count = 0
    for dictionary in dictionaries {
      groups.append(try shapes(dictionary, of: models[0]))
      count += groups.last!.count
      // Lists may repeat an object for a byte each.
      guard count <= graph.sourceCount else {
        throw .malformed(path: label, reason: "repeats its param_shapes without bound")
      }
    }
    return groups
  }

  private func shapes(
    _ dictionary: PickleGraph.Reference, of file: TorchObjects
  ) throws(CheckpointError) -> [ZeroPartitions.Parameter] {
    var shapes: [ZeroPartitions.Parameter] = []
    for member in file.graph.members(dictionary) ?? [] {
      guard let name = file.graph.string(member.key), let shape = file.graph.integers(member.value),
        checkedBitCount(.f64, shape) != nil
      else { throw .malformed(path: label, reason: "a shape in *_model_states.pt is damaged") }
      shapes.append((TensorName(name), shape))
    }
    return shapes
  }

  /// The buffers of the model.
  private func buffers() throws -> [AssembledCheckpoint.Tensor] {
    let file = models[0]
    guard let list = file.member("buffer_names"), let module = file.member("module") else {
      throw CheckpointError.malformed(path: file.label, reason: "no states of a model of ZeRO")
    }
    let items: [PickleGraph.Reference]
    switch file.graph[list] {
    case .list(let found), .tuple(let found): items = found
    default: items = file.graph.set(list) ?? []
    }
    let names = Set(items.compactMap { file.graph.string($0).map { TensorName($0) } })
    return try (file.graph.members(module) ?? []).compactMap { member in
      guard let text = file.graph.string(member.key), names.contains(TensorName(text)) else { return nil }
      let name = TensorName(text)
      let tensor = try file.tensor(member.value, name: "tensor \"\(name)\"")
      let isNarrow = tensor.dtype == .f16 || tensor.dtype == .bf16
      return try whole(
        TensorSpec(name: name, dtype: isNarrow ? .f32 : tensor.dtype, shape: tensor.shape), tensor,
        reader: isNarrow ? widened(tensor) : tensor.reader)
    }
  }

  private func whole(
    _ spec: TensorSpec, _ tensor: TorchObjects.Tensor, reader: @escaping TensorReader
  ) throws -> AssembledCheckpoint.Tensor {
    let chunk = TensorChunk(
      offsets: [Int](repeating: 0, count: spec.shape.count), sizes: spec.shape, reader: reader)
    do {
      return AssembledCheckpoint.Tensor(
        spec: spec, chunks: try TensorChunks([chunk], shape: spec.shape, width: spec.dtype.bitWidth / 8),
        place: nil, isCovered: tensor.isCovered)
    } catch {
      throw fail(spec.name, "\(error)")
    }
  }

  /// A reader of 16-bit floats as float32, which is exact.
  private func widened(_ tensor: TorchObjects.Tensor) -> TensorReader {
    let (read, dtype) = (tensor.reader, tensor.dtype)
    return { byteOffset, buffer in
      let block = 4096
      let narrow = UnsafeMutableRawBufferPointer.allocate(byteCount: 2 * block, alignment: 64)
      let values = UnsafeMutableBufferPointer<Double>.allocate(capacity: block)
      let wide = UnsafeMutableRawBufferPointer.allocate(byteCount: 4 * block, alignment: 64)
      defer {
        narrow.deallocate()
        values.deallocate()
        wide.deallocate()
      }
      var done = 0
      while done < buffer.count {
        // A read may begin or end amid an element.
        let (element, skipped) = (byteOffset + done).quotientAndRemainder(dividingBy: 4)
        let count = min(block, (skipped + buffer.count - done + 3) / 4)
        let source = UnsafeMutableRawBufferPointer(rebasing: narrow[..<(2 * count)])
        try read(2 * element, source)
        let part = UnsafeMutableBufferPointer(rebasing: values[..<count])
        ElementConversion.widen(UnsafeRawBufferPointer(source), dtype, into: part)
        let target = UnsafeMutableRawBufferPointer(rebasing: wide[..<(4 * count)])
        _ = ElementConversion.narrow(UnsafeBufferPointer(part), to: .f32, into: target)
        let length = min(4 * count - skipped, buffer.count - done)
        UnsafeMutableRawBufferPointer(rebasing: buffer[done..<done + length]).copyMemory(
          from: UnsafeRawBufferPointer(rebasing: target[skipped..<skipped + length]))
        done += length
      }
    }
  }

  /// Parameters that are not trained: whole in stages 1 and 2, a share of each rank in stage 3.
  private func frozenParameters() throws -> [AssembledCheckpoint.Tensor] {
    guard let shapes = models[0].member("frozen_param_shapes"), models[0].graph.members(shapes) != nil else {
      return []
    }
    // By name, of every rank.
    let stored: [[TensorName: PickleGraph.Reference]] = models.map { model in
      let members = model.member("frozen_param_fragments").flatMap(model.graph.members) ?? []
      return Dictionary(
        members.compactMap { member in
          model.graph.string(member.key).map { (TensorName($0), member.value) }
        }, uniquingKeysWith: { $1 })
    }
    return try self.shapes(shapes, of: models[0]).map { name, shape in
      let count = shape.reduce(1, *)
      let fragments = try zip(models, stored).map { model, references in
        guard let fragment = references[name] else {
          throw CheckpointError.missingTensor(path: model.label, name)
        }
        return try model.tensor(fragment, name: "tensor \"\(name)\"")
      }
      let width = fragments[0].dtype.bitWidth / 8
      var chunks: [TensorChunk] = []
      var start = 0
      for fragment in fragments {
        guard fragment.dtype == fragments[0].dtype, partitions.stage == 3 || fragment.elementCount == count
        else {
          throw fail(name, "has fragments that do not fit together")
        }
        // Elements after the end of the parameter are padding.
        let length = min(fragment.elementCount, count - start)
        chunks.append(TensorChunk(offsets: [start], sizes: [length], reader: fragment.reader))
        start += length
      }
      do {
        return AssembledCheckpoint.Tensor(
          spec: TensorSpec(name: name, dtype: fragments[0].dtype, shape: shape),
          chunks: try TensorChunks(chunks, shape: [count], width: width), place: nil,
          isCovered: fragments.allSatisfy(\.isCovered))
      } catch {
        throw fail(name, "\(error)")
      }
    }
  }

  /// The tensors with copies under the other names of shared parameters, and the groups that share their data.
  private func withAliases(
    _ tensors: [AssembledCheckpoint.Tensor]
  ) throws -> (tensors: [AssembledCheckpoint.Tensor], tied: [[TensorName]]) {
    let graph = models[0].graph
    guard let shared = models[0].member("shared_params").flatMap(graph.members) else { return (tensors, []) }
    var tensors = tensors
    var places = Dictionary(
      tensors.enumerated().map { ($1.spec.name, $0) }, uniquingKeysWith: { first, _ in first })
    var tied: [TensorName: [TensorName]] = [:]
    for member in shared {
      guard let alias = graph.string(member.key).map({ TensorName($0) }),
        let source = graph.string(member.value).map({ TensorName($0) })
      else { throw CheckpointError.malformed(path: label, reason: "its shared_params are damaged") }
      guard alias != source, let place = places[source] else { continue }
      guard places[alias] == nil else {
        throw fail(alias, "is a parameter of its own, and another name of \"\(source)\"")
      }
      var copy = tensors[place]
      copy.spec.name = alias
      places[alias] = tensors.count
      tensors.append(copy)
      tied[source, default: [source]].append(alias)
    }
    return (tensors, tied.values.map { $0.sorted() }.sorted { $0[0] < $1[0] })
  }
}
