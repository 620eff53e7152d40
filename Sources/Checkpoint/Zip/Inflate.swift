import CZlib

/// Raw deflate by zlib.
enum Inflate {
  /// Inflates all of `source` into exactly `count` bytes.
  ///
  /// - Returns: Whether the stream was valid, ended with the source, and filled the target exactly.
  static func inflate(_ source: UnsafeRawBufferPointer, into target: UnsafeMutableRawBufferPointer) -> Bool {
    guard source.count <= Int(UInt32.max), target.count < Int(UInt32.max) else { return false }
    var stream = z_stream()
    guard
      inflateInit2_(&stream, -MAX_WBITS, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size)) == Z_OK
    else { return false }
    defer { inflateEnd(&stream) }
    stream.next_in = UnsafeMutablePointer(mutating: source.baseAddress?.assumingMemoryBound(to: UInt8.self))
    stream.avail_in = UInt32(source.count)
    // zlib wants a place to write to even when nothing is to be written.
    var nothing: UInt8 = 0
    return withUnsafeMutablePointer(to: &nothing) { nothing in
      stream.next_out = target.baseAddress?.assumingMemoryBound(to: UInt8.self) ?? nothing
      stream.avail_out = UInt32(target.count)
      return CZlib.inflate(&stream, Z_FINISH) == Z_STREAM_END && stream.avail_out == 0 && stream.avail_in == 0
    }
  }
}
