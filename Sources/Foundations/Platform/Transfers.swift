/// Fills `buffer` with the bytes of a file from `offset` on, however many calls that takes.
///
/// One call moves at most 2³¹ bytes on Linux, and signals may cut it short.
/// - Returns: The number of bytes read, fewer than asked where the file ends before, and the error that the system
///   reports; 0 without one.
package func readAll(
  _ descriptor: Int32, at offset: Int, into buffer: UnsafeMutableRawBufferPointer
) -> (count: Int, code: Int32) {
  transferAll(buffer.count) { done in
    pread(descriptor, buffer.baseAddress! + done, buffer.count - done, off_t(offset + done))
  }
}

/// Writes all of `bytes` to a file, at `offset` or, with nil, at the descriptor's position.
///
/// - Returns: The error that the system reports; 0 without one.
package func writeAll(_ descriptor: Int32, _ bytes: UnsafeRawBufferPointer, at offset: Int? = nil) -> Int32 {
  let (count, code) = transferAll(bytes.count) { done in
    let start = bytes.baseAddress! + done
    return if let offset {
      pwrite(descriptor, start, bytes.count - done, off_t(offset + done))
    } else {
      write(descriptor, start, bytes.count - done)
    }
  }
  return code == 0 && count < bytes.count ? EIO : code
}

private func transferAll(_ total: Int, _ step: (_ done: Int) -> Int) -> (count: Int, code: Int32) {
  var done = 0
  while done < total {
    let moved = step(done)
    if moved < 0 {
      if errno == EINTR { continue }
      return (done, errno)
    }
    if moved == 0 { break }
    done += moved
  }
  return (done, 0)
}
