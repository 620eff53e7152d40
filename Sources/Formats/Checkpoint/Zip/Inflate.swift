import CDeflate

/// Inflates all of the raw deflate stream `source` into `target`.
///
/// - Returns: True if the stream was valid, ended with the source, and filled the target exactly.
func inflate(_ source: UnsafeRawBufferPointer, into target: UnsafeMutableRawBufferPointer) -> Bool {
  guard let decompressor = libdeflate_alloc_decompressor() else { return false }
  defer { libdeflate_free_decompressor(decompressor) }
  var (read, written) = (0, 0)
  // The library wants addresses even when there is nothing to read or to write.
  var nothing: UInt8 = 0
  let status = withUnsafeMutablePointer(to: &nothing) { nothing in
    libdeflate_deflate_decompress_ex(
      decompressor, source.baseAddress ?? UnsafeRawPointer(nothing), source.count,
      target.baseAddress ?? UnsafeMutableRawPointer(nothing), target.count, &read, &written)
  }
  return status == LIBDEFLATE_SUCCESS && read == source.count && written == target.count
}
