/// A name for the tensors of a checkpoint: CRC-32 over name, element type, shape and data of each, by name.
///
/// Format, order of the tensors and metadata have no part in it. Distinguishes files that were mixed up; no
/// proof against someone who wants two files to look alike.
///
/// - Returns: `crc32:` and eight hexadecimal digits.
/// - Throws: `CheckpointError` when reading fails.
public func contentDigest(of source: any CheckpointSource) throws -> String {
  var digest: UInt32 = 0
  func add(_ bytes: UnsafeRawBufferPointer) { digest = crc32(bytes, continuing: digest) }
  let chunk = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 20, alignment: 64)
  defer { chunk.deallocate() }
  for tensor in source.tensors.sorted(by: { $0.name < $1.name }) {
    var description = "\(tensor.name.string)\0\(tensor.dtype.name)\0\(tensor.shape)\0"
    description.withUTF8 { add(UnsafeRawBufferPointer($0)) }
    for start in stride(from: 0, to: tensor.byteCount, by: chunk.count) {
      let part = UnsafeMutableRawBufferPointer(rebasing: chunk[..<min(chunk.count, tensor.byteCount - start)])
      try source.read(tensor.name, at: start, into: part)
      add(UnsafeRawBufferPointer(part))
    }
  }
  return "crc32:" + hexadecimal(digest)
}
