import CPlatform

/// A lock on which threads can wait for a change of what it guards.
package final class Condition: @unchecked Sendable {
  private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
  private let changed = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)

  package init() {
    pthread_mutex_init(mutex, nil)
    pthread_cond_init(changed, nil)
  }

  deinit {
    pthread_cond_destroy(changed)
    pthread_mutex_destroy(mutex)
    changed.deallocate()
    mutex.deallocate()
  }

  package func lock() { pthread_mutex_lock(mutex) }

  package func unlock() { pthread_mutex_unlock(mutex) }

  package func withLock<Result, Failure: Error>(_ body: () throws(Failure) -> Result) throws(Failure)
    -> Result
  {
    lock()
    defer { unlock() }
    return try body()
  }

  /// Gives the lock away until somebody broadcasts; wakes without reason at times.
  package func wait() { pthread_cond_wait(changed, mutex) }

  package func broadcast() { pthread_cond_broadcast(changed) }
}

/// A value that one thread at a time can use.
///
/// The Synchronization library's `Mutex` would do, but the thread sanitizer does not see its locks where a thread waited
/// for them, and reports races that are none.
package final class Guarded<Value: ~Copyable>: @unchecked Sendable {
  private let lock = Condition()
  private var value: Value

  package init(_ value: consuming Value) { self.value = value }

  /// Runs a closure with the value while no other thread can.
  package func withLock<Result, Failure: Error>(
    _ body: (inout Value) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    lock.lock()
    defer { lock.unlock() }
    return try body(&value)
  }
}
