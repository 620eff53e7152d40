import Platform

/// A file that can be read at any position by several threads.
///
/// `pread` rather than a mapping: when the file shrinks underneath, that is an error and not a `SIGBUS`.
package final class InputFile: Sendable {
  package let label: String
  package let length: Int
  private let descriptor: Int32
  private let closes: Bool

  /// - Parameter closes: Whether the descriptor is closed when this object goes away.
  package init(descriptor: Int32, length: Int, label: String, closes: Bool = true) {
    self.descriptor = descriptor
    self.length = length
    self.label = label
    self.closes = closes
  }

  deinit { if closes { close(descriptor) } }

  /// Fills `buffer` from `offset` on.
  ///
  /// - Throws: `CheckpointError.fileShrank` when the file ends before, `.readFailed` when the system says so.
  package func read(at offset: Int, into buffer: UnsafeMutableRawBufferPointer) throws(CheckpointError) {
    var done = 0
    while done < buffer.count {
      // One call moves at most 2^31 bytes on Linux; the loop takes the rest.
      let count = pread(descriptor, buffer.baseAddress! + done, buffer.count - done, off_t(offset + done))
      if count < 0 {
        if errno == EINTR { continue }
        throw .readFailed(path: label, code: errno)
      }
      if count == 0 { throw .fileShrank(path: label, offset: offset + done) }
      done += count
    }
  }

  /// `count` bytes from `offset` on.
  package func bytes(at offset: Int, count: Int) throws(CheckpointError) -> [UInt8] {
    var failure: CheckpointError?
    let result = [UInt8](unsafeUninitializedCapacity: count) { buffer, initialized in
      do throws(CheckpointError) {
        try read(
          at: offset,
          into: UnsafeMutableRawBufferPointer(rebasing: UnsafeMutableRawBufferPointer(buffer)[..<count]))
        initialized = count
      } catch {
        failure = error
      }
    }
    if let failure { throw failure }
    return result
  }
}
