import Synchronization
import TensorMath

/// Memory of activations, reused from layer to layer and call to call: fresh pages cost more than arithmetic.
final class BufferPool: Sendable {
  /// A buffer that goes back to its pool with its last owner.
  final class Lease: Sendable {
    let buffer: Tensor
    private let pool: BufferPool

    fileprivate init(_ buffer: Tensor, _ pool: BufferPool) {
      self.buffer = buffer
      self.pool = pool
    }

    deinit { pool.give(buffer) }
  }

  private let free = Mutex<[Tensor]>([])
  /// Floats behind every buffer's end that kernels may read, though not use.
  private let slack: Int

  init(slack: Int) { self.slack = slack }

  /// A buffer of at least `floats` floats with undefined contents.
  func lease(_ floats: Int) -> Lease {
    let count = floats + slack
    let found = free.withLock { free -> Tensor? in
      // The smallest that fits, unless it is far too large.
      var best: Int?
      for (index, buffer) in free.enumerated() where buffer.count >= count && buffer.count <= 2 * count + 4096
      {
        if best.map({ free[$0].count > buffer.count }) ?? true { best = index }
      }
      return best.map { free.remove(at: $0) }
    }
    return Lease(found ?? Tensor(uninitialized: [count]), self)
  }

  private func give(_ buffer: Tensor) { free.withLock { $0.append(buffer) } }
}
