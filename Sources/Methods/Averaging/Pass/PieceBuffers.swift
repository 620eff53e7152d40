import Platform

/// Memory for the pieces of a pass's outputs, which goes from thread to thread.
///
/// A piece that waits for its turn keeps its memory, its maker goes on with another one: pages that the system has
/// provided once are written again and again, where a copy would ask for new ones each time.
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

  /// Buffers that nobody uses; they stay property of this object.
  func take() -> Buffers {
    lock.withLock {
      if let buffers = free.popLast() { return buffers }
      let buffers: Buffers = (0..<outputs).map { _ in .allocate(byteCount: byteCount, alignment: 64) }
      all.append(buffers)
      return buffers
    }
  }

  /// Gives back what was taken.
  func give(_ buffers: Buffers) { lock.withLock { free.append(buffers) } }
}
