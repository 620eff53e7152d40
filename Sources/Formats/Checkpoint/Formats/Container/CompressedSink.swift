import Platform

/// Writes the compressed container.
///
/// The header records the compressed sizes, so the compressed data wait in an unlinked temporary file.
/// Memory: the largest tensor and its blob.
final class CompressedSink: TensorSink {
  private let output: OutputFile
  private let options: WriteOptions
  private let pool: ThreadPool
  private let spool: InputFile
  private let spoolDescriptor: Int32
  private let plainMetadata: Metadata
  private var header: [UInt8] = []
  private var buffer: [UInt8] = []
  private var stored: [TensorSpec] = []
  private var natives: [TensorSpec] = []
  private var nativeChecksums: [TensorName: UInt32] = [:]
  private var usesBase = false

  init(_ output: OutputFile, metadata: Metadata, options: WriteOptions) throws(CheckpointError) {
    self.output = output
    self.options = options
    pool = ThreadPool(threads: options.threads)
    plainMetadata = metadata
    spoolDescriptor = try Spool.create(in: output.folder ?? options.temporaryFolder)
    spool = InputFile(descriptor: spoolDescriptor, length: 0, label: output.label)
    if let base = options.base as? CompressedFile, base.isDelta {
      throw .invalidRequest(path: base.label, reason: "is itself a difference and cannot be a base")
    }
  }

  var canReplaceMetadata: Bool { true }

  func write(_ bytes: UnsafeRawBufferPointer, of spec: TensorSpec) throws {
    if buffer.isEmpty { buffer.reserveCapacity(spec.byteCount) }
    buffer += bytes
  }

  func end(_ spec: TensorSpec) throws {
    defer { buffer.removeAll(keepingCapacity: true) }
    let encoder = BlobEncoder(spec: spec, pool: pool)
    let base = try baseValue(of: spec)
    var blob = buffer.withUnsafeBytes { raw in
      base.map { $0.bytes.withUnsafeBytes { encoder.encode(raw, base: $0) } } ?? encoder.encode(raw)
    }
    if blob == nil, spec.dtype == .u8, spec.shape.count == 1, BlobHeader.looksLikeMagic(buffer) {
      blob = buffer.withUnsafeBytes { encoder.wrap($0) }
    }
    if let blob {
      stored.append(TensorSpec(name: spec.name, dtype: .u8, shape: [blob.byteCount]))
      if blob.header.transform.isDelta { usesBase = true }
      for part in blob.parts { try append(part) }
    } else {
      stored.append(spec)
      natives.append(spec)
      nativeChecksums[spec.name] = buffer.withUnsafeBytes { crc32($0) }
      try append(buffer)
    }
  }

  private func baseValue(of spec: TensorSpec) throws -> TensorValue? {
    guard let base = options.base, spec.byteCount >= BlobEncoder.smallestTensor, base.spec(spec.name) == spec
    else {
      return nil
    }
    return try base.value(spec.name)
  }

  private func append(_ bytes: [UInt8]) throws {
    try bytes.withUnsafeBytes { try writeAll(spoolDescriptor, $0, label: output.label) }
  }

  func complete(metadata: Metadata?) throws {
    let checksums = ContainerSeal.groups(natives).map { group in
      group.reduce(UInt32(0)) { combineCRC($0, nativeChecksums[$1.name]!, $1.byteCount) }
    }
    let sealed = ContainerSeal.seal(
      metadata ?? plainMetadata, stored: stored, groupChecksums: checksums,
      base: usesBase ? options.base?.label : nil)
    let header = SafetensorsHeader.encode(stored, metadata: sealed)
    guard header.count - 8 <= SafetensorsHeader.lengthLimit else {
      throw CheckpointError.invalidRequest(
        path: output.label, reason: "names and metadata need a header beyond 100000000 bytes")
    }
    try output.write(header)
    let size = stored.reduce(0) { $0 + $1.byteCount }
    let chunk = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 20, alignment: 64)
    defer { chunk.deallocate() }
    var offset = 0
    while offset < size {
      let part = UnsafeMutableRawBufferPointer(rebasing: chunk[..<min(chunk.count, size - offset)])
      try spool.read(at: offset, into: part)
      try output.write(UnsafeRawBufferPointer(part))
      offset += part.count
    }
  }

  func commit() throws { try output.commit() }

  func abort() { output.abort() }
}
