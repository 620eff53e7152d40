import Platform

/// Writes all bytes or throws; at the descriptor's position, or at `offset` when given.
func writeAll(
  _ descriptor: Int32, _ bytes: UnsafeRawBufferPointer, at offset: Int? = nil, label: String
) throws(CheckpointError) {
  var done = 0
  while done < bytes.count {
    let start = bytes.baseAddress! + done
    let count =
      if let offset {
        pwrite(descriptor, start, bytes.count - done, off_t(offset + done))
      } else {
        write(descriptor, start, bytes.count - done)
      }
    if count < 0 {
      if errno == EINTR { continue }
      throw .writeFailed(path: label, code: errno)
    }
    done += count
  }
}
