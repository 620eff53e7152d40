/// Writes a checkpoint as safetensors, byte for byte the same for the same content.
///
/// Tensors are written one after the other in `order`. A regular file appears under its name only when `finish`
/// succeeds; before that nothing but a hidden temporary file beside it exists, which goes away with the writer.
public final class CheckpointWriter {
  /// The tensors in the order in which their data are to be written: descending element type, then name.
  public let order: [TensorSpec]

  private let output: OutputFile
  private let header: [UInt8]
  /// Where each tensor of `order` starts, and the end of the last.
  private let starts: [Int]
  private var headerIsWritten = false
  /// Bytes of data so far.
  private var written = 0
  /// The first tensor of `order` of which nothing has been written yet.
  private var next = 0

  /// Creates the output.
  ///
  /// - Throws: `CheckpointError.invalidRequest` for tensors that safetensors cannot express,
  ///   `.cannotCreate` when the output cannot be made.
  public init(to destination: OutputDestination, tensors: [TensorSpec], metadata: Metadata) throws {
    starts = try Self.checkedStarts(SafetensorsHeader.canonicalOrder(tensors), label: destination.label)
    order = SafetensorsHeader.canonicalOrder(tensors)
    header = SafetensorsHeader.encode(order, metadata: metadata)
    guard header.count - 8 <= SafetensorsHeader.lengthLimit else {
      throw CheckpointError.invalidRequest(
        path: destination.label, reason: "names and metadata need a header beyond 100000000 bytes")
    }
    output = try OutputFile(destination)
  }

  /// Whether `finish(metadata:)` can replace the metadata: the output can seek.
  public var canPatchHeader: Bool { output.canPatch }

  /// Appends data. Chunks may end anywhere, also amid a tensor.
  ///
  /// - Throws: `CheckpointError.writeFailed`.
  /// - Precondition: All chunks together are no longer than the tensors.
  public func write(_ bytes: UnsafeRawBufferPointer) throws {
    precondition(bytes.count <= starts[order.count] - written, "more data than tensors")
    try writeHeaderOnce()
    try output.write(bytes)
    written += bytes.count
    while next < order.count && starts[next] < written { next += 1 }
  }

  /// Appends a whole tensor, the next one in `order`.
  ///
  /// - Throws: `CheckpointError.mismatch` when element type or shape are not what was announced, `.writeFailed`.
  public func write(_ value: TensorValue) throws {
    func fits(_ spec: TensorSpec) -> Bool { spec.dtype == value.dtype && spec.shape == value.shape }
    // Empty tensors need no call of their own.
    while next < order.count, starts[next] == starts[next + 1], !fits(order[next]) { next += 1 }
    precondition(next < order.count, "more data than tensors")
    guard fits(order[next]), starts[next] == written else {
      throw CheckpointError.mismatch(
        path: output.label, order[next].name, expected: order[next].layout,
        found: layoutText(value.dtype, value.shape))
    }
    next += 1
    try value.bytes.withUnsafeBytes { try write($0) }
  }

  /// Completes the output: checks that all data came, flushes to the disk, and renames.
  ///
  /// - Parameter metadata: Replaces the metadata given at the start; its encoding must be as long.
  /// - Throws: `CheckpointError.invalidRequest` when data are missing or the metadata do not fit,
  ///   `.writeFailed`, `.cannotCreate`.
  public func finish(metadata: Metadata? = nil) throws {
    guard written == starts[order.count] else {
      throw CheckpointError.invalidRequest(
        path: output.label, reason: "only \(written) of \(starts[order.count]) bytes of data were written")
    }
    try writeHeaderOnce()
    if let metadata {
      let replacement = SafetensorsHeader.encode(order, metadata: metadata)
      if replacement != header {
        guard canPatchHeader, replacement.count == header.count else {
          throw CheckpointError.invalidRequest(
            path: output.label,
            reason: "the metadata of an output underway can only be replaced by equally long")
        }
        try output.patch(replacement)
      }
    }
    try output.commit()
  }

  /// Gives up: removes what was written. Without effect after `finish`; letting go of the writer does the same.
  public func abort() { output.abort() }

  /// Only the first data send the header off, so that a failure before leaves a pipe empty.
  private func writeHeaderOnce() throws {
    if headerIsWritten { return }
    headerIsWritten = true
    try output.write(header)
  }

  private static func checkedStarts(_ tensors: [TensorSpec], label: String) throws(CheckpointError) -> [Int] {
    var seen: Set<TensorName> = []
    var starts = [0]
    for tensor in tensors {
      guard let bits = checkedBitCount(tensor.dtype, tensor.shape), bits <= Int.max / 2 - starts.last! else {
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
      starts.append(starts.last! + bits / 8)
    }
    return starts
  }
}
