import Dispatch
import Synchronization

/// Runs `body` for every index below `count` on up to `threads` threads; results must depend on the index alone.
///
/// - Throws: The error of the lowest index that failed.
func parallelLoop(_ count: Int, threads: Int, _ body: @Sendable (Int) throws -> Void) throws {
  if threads <= 1 || count <= 1 {
    for index in 0..<count { try body(index) }
    return
  }
  let next = Atomic(0)
  let failure = Mutex<(index: Int, error: any Error)?>(nil)
  DispatchQueue.concurrentPerform(iterations: min(threads, count)) { _ in
    while true {
      let index = next.wrappingAdd(1, ordering: .relaxed).oldValue
      guard index < count else { return }
      do {
        try body(index)
      } catch {
        // Indices are handed out in order: every lower one has begun and will report too.
        next.store(count, ordering: .relaxed)
        failure.withLock { if index < $0?.index ?? .max { $0 = (index, error) } }
      }
    }
  }
  if let failure = failure.withLock({ $0 }) { throw failure.error }
}

/// A pointer that crosses into the parallel loop, whose iterations touch disjoint parts.
struct SharedPointer<Pointer>: @unchecked Sendable {
  let pointer: Pointer
  init(_ pointer: Pointer) { self.pointer = pointer }
}
