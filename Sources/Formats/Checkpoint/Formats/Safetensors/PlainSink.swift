/// Writes plain safetensors as the data come.
final class PlainSink: TensorSink {
  private let output: OutputFile
  private let tensors: [TensorSpec]
  private let header: [UInt8]
  private var headerIsWritten = false
  /// The first bytes of a vector of U8, kept to see whether it would be taken for a blob.
  private var beginning: [UInt8] = []

  init(_ output: OutputFile, tensors: [TensorSpec], metadata: Metadata) throws(CheckpointError) {
    self.output = output
    self.tensors = tensors
    header = SafetensorsHeader.encode(tensors, metadata: metadata)
    guard header.count - 8 <= SafetensorsHeader.lengthLimit else {
      throw .invalidRequest(
        path: output.label, reason: "names and metadata need a header beyond 100000000 bytes")
    }
  }

  var canReplaceMetadata: Bool { output.canPatch }

  func write(_ bytes: UnsafeRawBufferPointer, of spec: TensorSpec) throws {
    try writeHeaderOnce()
    if beginning.count < 8 { beginning += bytes.prefix(8 - beginning.count) }
    try output.write(bytes)
  }

  func end(_ spec: TensorSpec) throws {
    defer { beginning.removeAll(keepingCapacity: true) }
    guard spec.dtype == .u8, spec.shape.count == 1, BlobHeader.looksLikeMagic(beginning) else { return }
    throw CheckpointError.looksCompressed(path: output.label, spec.name)
  }

  func complete(metadata: Metadata?) throws {
    try writeHeaderOnce()
    guard let metadata else { return }
    let replacement = SafetensorsHeader.encode(tensors, metadata: metadata)
    if replacement == header { return }
    guard canReplaceMetadata, replacement.count == header.count else {
      throw CheckpointError.invalidRequest(
        path: output.label,
        reason: "the metadata of an output underway can only be replaced by equally long")
    }
    try output.patch(replacement)
  }

  func commit() throws { try output.commit() }

  func abort() { output.abort() }

  /// Only the first data send the header off, so that a failure before leaves a pipe empty.
  private func writeHeaderOnce() throws {
    if headerIsWritten { return }
    headerIsWritten = true
    try output.write(header)
  }
}
