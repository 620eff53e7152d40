/// Options of writing a checkpoint.
public struct WriteOptions: Sendable {
  /// File formats that can be written.
  public enum Format: String, Sendable, CaseIterable {
    /// Safetensors, plain or compressed.
    case safetensors
    /// The format of `torch.save`, with the metadata as `_metadata["ckpt"]` of the state dict.
    case pytorch
    /// The format of `numpy.savez`, an archive of arrays; metadata are left out.
    case npz
  }

  /// The format of the output.
  public var format = Format.safetensors
  /// True if tensors are compressed: the output is the container of ckpt-format(5).
  public var compress = false
  /// Store differences to this checkpoint where they are smaller. Reading needs it again.
  public var base: (any CheckpointSource)?
  /// Largest size of a file in bytes of tensor data; the destination is then a folder with an index.
  public var maxShardBytes: Int?
  /// The part of the set that this process writes; nil for all of it. Only with `maxShardBytes`.
  public var part: SetPart?
  /// The configuration of the model folder that the output continues. An output that is a folder gets it as `config.json`,
  /// with sizes and normalization from the metadata.
  public var configuration: ModelConfiguration?
  /// Threads that compress.
  public var threads = 1
  /// Folder for the compressed data of an output that cannot seek.
  public var temporaryFolder = "/tmp"

  /// Plain safetensors.
  public init() {}
}

/// Writes tensors that are in memory as a checkpoint.
///
/// - Throws: `CheckpointError` as `CheckpointWriter` does.
public func writeCheckpoint(
  _ tensors: [TensorName: TensorValue], metadata: Metadata, to destination: Location
) throws {
  let specs = tensors.map { TensorSpec(name: $0, dtype: $1.dtype, shape: $1.shape) }
  let writer = try CheckpointWriter(to: destination, tensors: specs, metadata: metadata)
  for spec in writer.order {
    // Empty tensors have no data to write.
    if let value = tensors[spec.name], spec.byteCount > 0 { try writer.write(value) }
  }
  try writer.finish()
}

/// Writes `source` again with some tensors replaced. Input and output may be the same file.
///
/// A `NetworkView` is written under the names of its file, with all tensors of the file.
///
/// - Parameters:
///   - source: Where all other tensors come from.
///   - replacements: New values; element type and shape may differ from the old ones.
///   - metadata: The metadata of the output.
///   - destination: Where the checkpoint goes.
///   - options: How it is written.
/// - Throws: `CheckpointError.missingTensor` for a replacement of a tensor that `source` does not have, and
///   errors of reading and writing.
public func rewriteCheckpoint(
  _ source: any CheckpointSource, replacing replacements: [TensorName: TensorValue], metadata: Metadata,
  to destination: Location, options: WriteOptions = WriteOptions()
) throws {
  if let view = source as? NetworkView {
    var renamed: [TensorName: TensorValue] = [:]
    for (name, value) in replacements {
      guard let original = view.fileName(of: name) else {
        throw CheckpointError.missingTensor(path: source.label, name)
      }
      renamed[original] = value
    }
    return try rewriteCheckpoint(
      view.file, replacing: renamed, metadata: metadata, to: destination, options: options)
  }
  let known = Set(source.tensors.map(\.name))
  if let unknown = replacements.keys.sorted().first(where: { !known.contains($0) }) {
    throw CheckpointError.missingTensor(path: source.label, unknown)
  }
  let tensors = source.tensors.map { spec in
    replacements[spec.name].map { TensorSpec(name: spec.name, dtype: $0.dtype, shape: $0.shape) } ?? spec
  }
  var options = options
  options.configuration = options.configuration ?? source.origin.configuration
  let writer = try CheckpointWriter(to: destination, tensors: tensors, metadata: metadata, options: options)
  for spec in writer.order {
    if let value = replacements[spec.name] {
      try writer.write(value)
    } else {
      try copy(spec, from: source, to: writer)
    }
  }
  try writer.finish()
}

/// Appends a tensor of `source` to what `writer` writes.
///
/// - Throws: Errors of reading and writing.
public func copy(_ spec: TensorSpec, from source: any CheckpointSource, to writer: CheckpointWriter) throws {
  let size = spec.byteCount
  // Small enough to stay in the cache between read and write, large enough for several blocks at a time.
  let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: min(size, 1 << 21), alignment: 64)
  defer { buffer.deallocate() }
  let read = source.reader(of: spec.name)
  var offset = 0
  while offset < size {
    let chunk = UnsafeMutableRawBufferPointer(rebasing: buffer[..<min(buffer.count, size - offset)])
    try read(offset, chunk)
    try writer.write(UnsafeRawBufferPointer(chunk))
    offset += chunk.count
  }
}
