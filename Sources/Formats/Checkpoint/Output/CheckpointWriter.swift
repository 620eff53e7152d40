import Platform

/// Takes the tensors of a `CheckpointWriter` in order.
protocol TensorSink: AnyObject {
  /// True if the metadata can still change when all data are there.
  var canReplaceMetadata: Bool { get }
  /// Data of `spec`, the tensor underway; an empty tensor has none.
  func write(_ bytes: UnsafeRawBufferPointer, of spec: TensorSpec) throws
  /// All data of this tensor have come.
  func end(_ spec: TensorSpec) throws
  /// All tensors have come: completes the file without giving it its name.
  func complete(metadata: Metadata?) throws
  /// Gives the file its name.
  func commit() throws
  /// Removes everything.
  func abort()
}

/// Writes a checkpoint as safetensors, byte for byte the same for the same content.
///
/// Tensors are written one after the other in `order`. A regular file appears under its name only when
/// `finish` succeeds; before that only a hidden temporary file exists in its folder, which goes away with the
/// writer.
public final class CheckpointWriter {
  /// The tensors in the order in which their data are to be written: descending element type, then name; shard by
  /// shard for a sharded set, of which other processes may write some; as given for PyTorch and NumPy files.
  public let order: [TensorSpec]

  private let label: String
  private let sink: any TensorSink
  /// Where each tensor of `order` starts, and the end of the last.
  private let starts: [Int]
  /// Bytes of data so far.
  private var written = 0
  /// Tensors that are complete.
  private var ended = 0
  /// The `config.json` of a folder, what it is made of, and the metadata it records.
  private var companion: (file: OutputFile, configuration: ModelConfiguration)?
  private let metadata: Metadata

  /// Creates the output.
  ///
  /// - Throws: `CheckpointError.invalidRequest` for tensors that safetensors cannot express,
  ///   `.cannotCreate` when the output cannot be made.
  public convenience init(
    to destination: Location, tensors: [TensorSpec], metadata: Metadata,
    options: WriteOptions = WriteOptions()
  ) throws {
    try self.init(to: destination, tensors: tensors, options: options) { _ in metadata }
  }

  /// Creates the output with metadata that depend on what it can do.
  ///
  /// - Parameters:
  ///   - destination: Where the checkpoint goes.
  ///   - tensors: The tensors that will be written.
  ///   - options: How it is written.
  ///   - metadata: Asked once, with the value that `canPatchHeader` will have.
  /// - Throws: As the other initializer, and what `metadata` throws.
  public init(
    to destination: Location, tensors: [TensorSpec], options: WriteOptions = WriteOptions(),
    metadata: (_ canPatchHeader: Bool) throws -> Metadata
  ) throws {
    var known = Metadata()
    func header(_ canPatch: Bool) throws -> Metadata {
      known = try metadata(canPatch)
      for key in ContainerSeal.keys { known[key] = nil }
      return known
    }
    label = destination.outputLabel
    try Self.check(tensors, label: label)
    if options.format != .safetensors {
      guard !options.compress, options.maxShardBytes == nil else {
        throw CheckpointError.invalidRequest(
          path: label, reason: "only safetensors files can be compressed or sharded")
      }
      order = tensors
      let output = try OutputFile(destination)
      sink =
        options.format == .pytorch
        ? try TorchSink(output, tensors: tensors, metadata: try header(output.canPatch))
        : try NumPySink(output, tensors: tensors)
    } else if let limit = options.maxShardBytes {
      guard case .path(let folder) = destination else {
        throw CheckpointError.invalidRequest(path: label, reason: "a sharded set needs a folder")
      }
      let plan = ShardedSink.plan(tensors, maxBytes: limit)
      let metadata = try header(false)
      if let part = options.part {
        let configuration = options.configuration.map {
          $0.updated(tensors: Array(plan.joined()), metadata: metadata)
        }
        let shared = try SharedSetSink(
          folder, plan: plan, part: part, metadata: metadata, options: options,
          companions: configuration.map {
            [(ModelConfiguration.fileName, Array(($0.json.encoded() + "\n").utf8))]
          } ?? [])
        order = shared.order
        sink = shared
      } else {
        order = Array(plan.joined())
        let sharded = try ShardedSink(folder, plan: plan, metadata: metadata, options: options)
        sink = sharded
        companion = try options.configuration.map { (try Self.companion(in: sharded.workingFolder), $0) }
      }
    } else {
      order = SafetensorsHeader.canonicalOrder(tensors)
      var destination = destination
      if let folder = destination.folder {
        guard let configuration = options.configuration else {
          throw CheckpointError.invalidRequest(
            path: label, reason: "is a folder, which needs the config.json of an input that is a model folder"
          )
        }
        companion = (try Self.companion(in: folder), configuration)
        destination = .path("\(folder)/\(ModelConfiguration.weightNames[0])")
      }
      let output = try OutputFile(destination)
      sink =
        options.compress
        ? try CompressedSink(output, metadata: try header(true), options: options)
        : try PlainSink(output, tensors: order, metadata: try header(output.canPatch))
    }
    var starts = [0]
    for tensor in order { starts.append(starts.last! + tensor.byteCount) }
    self.starts = starts
    self.metadata = known
  }

  deinit { abort() }

  private static func companion(in folder: String) throws(CheckpointError) -> OutputFile {
    guard mkdir(folder, 0o777) == 0 || errno == EEXIST else {
      throw .cannotCreate(path: folder, reason: systemMessage(errno))
    }
    return try OutputFile(.path("\(folder)/\(ModelConfiguration.fileName)"))
  }

  /// True if `finish(metadata:)` can replace the metadata: the output can seek.
  public var canPatchHeader: Bool { sink.canReplaceMetadata }

  /// Appends data. Chunks may end anywhere, also amid a tensor.
  ///
  /// - Throws: `CheckpointError.writeFailed`.
  /// - Precondition: All chunks together are no longer than the tensors.
  public func write(_ bytes: UnsafeRawBufferPointer) throws {
    precondition(bytes.count <= starts[order.count] - written, "more data than tensors")
    var rest = bytes
    while !rest.isEmpty {
      // Empty tensors need no call of their own.
      while starts[ended + 1] == written { try endTensor() }
      let count = min(rest.count, starts[ended + 1] - written)
      try sink.write(UnsafeRawBufferPointer(rebasing: rest[..<count]), of: order[ended])
      written += count
      rest = UnsafeRawBufferPointer(rebasing: rest[count...])
      if starts[ended + 1] == written { try endTensor() }
    }
  }

  /// Appends a whole tensor, the next one in `order`.
  ///
  /// - Throws: `CheckpointError.mismatch` when element type or shape are not what was announced, `.writeFailed`.
  public func write(_ value: TensorValue) throws {
    func fits(_ spec: TensorSpec) -> Bool { spec.dtype == value.dtype && spec.shape == value.shape }
    while ended < order.count, starts[ended] == starts[ended + 1], !fits(order[ended]) { try endTensor() }
    precondition(ended < order.count, "more data than tensors")
    guard fits(order[ended]), starts[ended] == written else {
      throw CheckpointError.mismatch(
        path: label, order[ended].name, expected: order[ended].layout,
        found: layoutText(value.dtype, value.shape))
    }
    if value.bytes.isEmpty { return try endTensor() }
    try value.bytes.withUnsafeBytes { try write($0) }
  }

  private func endTensor() throws {
    try sink.end(order[ended])
    ended += 1
  }

  /// Completes the output: checks that all data came, flushes to the disk, and renames.
  ///
  /// - Parameter metadata: Replaces the metadata given at the start. Its encoding must be as long, unless the output
  ///   is compressed; a sharded set's metadata cannot be replaced.
  /// - Throws: `CheckpointError.invalidRequest` when data are missing or the metadata do not fit,
  ///   `.writeFailed`, `.cannotCreate`.
  public func finish(metadata: Metadata? = nil) throws {
    guard written == starts[order.count] else {
      throw CheckpointError.invalidRequest(
        path: label, reason: "only \(written) of \(starts[order.count]) bytes of data were written")
    }
    while ended < order.count { try endTensor() }
    var metadata = metadata
    for key in ContainerSeal.keys { metadata?[key] = nil }
    try sink.complete(metadata: metadata)
    if let (file, configuration) = companion {
      let updated = configuration.updated(tensors: order, metadata: metadata ?? self.metadata)
      try file.write(Array((updated.json.encoded() + "\n").utf8))
      // In a set all files take their place together.
      if sink is ShardedSink { try file.commit() }
      try sink.commit()
      if !(sink is ShardedSink) { try file.commit() }
    } else {
      try sink.commit()
    }
  }

  /// Gives up: removes what was written. Without effect after `finish`; letting go of the writer does the same.
  public func abort() {
    companion?.file.abort()
    sink.abort()
  }

  private static func check(_ tensors: [TensorSpec], label: String) throws(CheckpointError) {
    var seen: Set<TensorName> = []
    var total = 0
    for tensor in tensors {
      guard let bits = checkedBitCount(tensor.dtype, tensor.shape), bits <= Int.max / 2 - total else {
        throw .invalidRequest(
          path: label, reason: "tensor \"\(tensor.name)\": shape \(tensor.shape) overflows")
      }
      guard bits % 8 == 0 else {
        throw .invalidRequest(
          path: label, reason: "tensor \"\(tensor.name)\": \(tensor.layout) does not fill whole bytes")
      }
      guard tensor.name.string != "__metadata__" else {
        throw .invalidRequest(path: label, reason: "\"__metadata__\" cannot be the name of a tensor")
      }
      guard seen.insert(tensor.name).inserted else {
        throw .invalidRequest(path: label, reason: "tensor \"\(tensor.name)\" appears twice")
      }
      total += bits / 8
    }
  }
}
