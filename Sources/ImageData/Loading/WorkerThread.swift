#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// A POSIX thread that runs one closure.
struct WorkerThread {
  private let handle: pthread_t

  /// Starts the thread. A machine that refuses a thread leaves nothing to continue with.
  init(_ body: @escaping @Sendable () -> Void) {
    let box = Unmanaged.passRetained(Box(body))
    var thread = pthread_t(bitPattern: 0)
    let status = pthread_create(
      &thread, nil,
      { argument in
        #if canImport(Glibc)
          let box = Unmanaged<Box>.fromOpaque(argument!).takeRetainedValue()
        #else
          let box = Unmanaged<Box>.fromOpaque(argument).takeRetainedValue()
        #endif
        box.body()
        return nil
      }, box.toOpaque())
    guard status == 0, let thread = Optional(thread) else {
      fatalError("cannot start a thread: error \(status)")
    }
    handle = thread
  }

  /// Waits for the closure to return.
  func join() { pthread_join(handle, nil) }

  private final class Box: Sendable {
    let body: @Sendable () -> Void
    init(_ body: @escaping @Sendable () -> Void) { self.body = body }
  }
}
