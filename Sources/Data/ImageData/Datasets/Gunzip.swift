import CZlib

/// Decompresses a gzip file of one or several members.
/// - Parameters:
///   - bytes: The whole file.
///   - limit: Bytes above which the result is refused, so that a small file cannot fill the memory.
///   - path: Name in errors.
///   - stopsAtLimit: Whether the first `limit` bytes are wanted, and more are no error.
/// - Throws: `badDataset`.
func gunzip(
  _ bytes: [UInt8], limit: Int, path: String, stopsAtLimit: Bool = false
) throws(ImageDataError) -> [UInt8] {
  var stream = z_stream()
  // 16 added to the window bits: a gzip wrapper and nothing else.
  guard inflateInit2_(&stream, 15 + 16, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size)) == Z_OK else {
    throw .badDataset(path: path, reason: "cannot decompress: out of memory")
  }
  defer { inflateEnd(&stream) }
  var output: [UInt8] = []
  var block = [UInt8](repeating: 0, count: 1 << 16)
  var consumed = 0
  var members = 0
  while true {
    var status = Z_OK
    let (used, made) = bytes.withUnsafeBufferPointer { input in
      block.withUnsafeMutableBufferPointer { block in
        let available = min(input.count - consumed, 1 << 30)
        stream.next_in = UnsafeMutablePointer(mutating: input.baseAddress.map { $0 + consumed })
        stream.avail_in = UInt32(available)
        stream.next_out = block.baseAddress
        stream.avail_out = UInt32(block.count)
        status = inflate(&stream, Z_NO_FLUSH)
        return (available - Int(stream.avail_in), block.count - Int(stream.avail_out))
      }
    }
    consumed += used
    output += block[..<made]
    if stopsAtLimit && output.count >= limit { return Array(output.prefix(limit)) }
    guard output.count <= limit else {
      throw .badDataset(path: path, reason: "expected at most \(limit) bytes after decompression, found more")
    }
    switch status {
    case Z_STREAM_END:
      if consumed == bytes.count { return output }
      // A member takes 18 bytes at least and may hold none, so this is no way to make much work of few bytes.
      members += 1
      guard members <= 1 << 16 else {
        throw .badDataset(path: path, reason: "more than 65536 members of gzip data")
      }
      inflateReset(&stream)
    case Z_OK: continue
    case Z_BUF_ERROR:
      throw .badDataset(path: path, reason: "truncated gzip data: it ends after \(bytes.count) bytes")
    default:
      throw .badDataset(path: path, reason: "bad gzip data near byte \(consumed)")
    }
  }
}
