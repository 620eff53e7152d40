import Platform

/// Memory for the pieces of a pass's outputs, which is passed from thread to thread.
///
/// A waiting piece keeps its memory, and its thread continues with another one: pages that the system has
/// provided are reused, where a copy would need new ones each time.
final class PieceBuffers: @unchecked Sendable {
  /// One buffer per output.
  typealias Buffers = [UnsafeMutableRawBufferPointer]

  private let byteCount: Int
  private let outputs: Int
  private let lock = Condition()
  private var all: [Buffers] = []
  private var free: [Buffers] = []

  init(outputs: Int, byteCount: Int) {
    self.outputs = outputs
    self.byteCount = byteCount
  }

  deinit { for buffer in all.joined() { buffer.deallocate() } }

  /// Unused buffers; this object still owns them.
  func take() -> Buffers {
    lock.withLock {
      if let buffers = free.popLast() { return buffers }
      let buffers: Buffers = (0..<outputs).map { _ in .allocate(byteCount: byteCount, alignment: 64) }
      all.append(buffers)
      return buffers
    }
  }

  /// Returns buffers.
  func give(_ buffers: Buffers) { lock.withLock { free.append(buffers) } }
}
