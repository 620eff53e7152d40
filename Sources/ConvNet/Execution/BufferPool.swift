import Synchronization
import TensorMath

/// Memory of activations, reused from layer to layer and call to call: fresh pages cost more than arithmetic.
final class BufferPool: Sendable {
  private let free = Mutex<[Tensor]>([])
  /// Floats behind every buffer's end that kernels may read, though not use.
  private let slack: Int

  init(slack: Int) { self.slack = slack }

  /// A buffer of at least `floats` floats with undefined contents.
  func take(_ floats: Int) -> Tensor {
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
    return found ?? Tensor(uninitialized: [count])
  }

  func give(_ buffer: Tensor) { free.withLock { $0.append(buffer) } }

  /// Returns all unused memory to the system.
  func clear() { free.withLock { $0 = [] } }
}
