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
  to destination: OutputDestination, options: WriteOptions = WriteOptions()
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
