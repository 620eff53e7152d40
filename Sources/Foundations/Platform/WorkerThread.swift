/// A POSIX thread that runs one closure.
package struct WorkerThread {
  private let handle: pthread_t

  /// Starts the thread; nil where the system refuses another one.
  package init?(_ body: @escaping @Sendable () -> Void) {
    let box = Unmanaged.passRetained(Box(body))
    var thread = pthread_t(bitPattern: 0)
    let status = pthread_create(
      &thread, nil,
      { argument in
        // The argument is optional in Glibc and is not in Darwin.
        let pointer: UnsafeMutableRawPointer? = argument
        Unmanaged<Box>.fromOpaque(pointer!).takeRetainedValue().body()
        return nil
      }, box.toOpaque())
    guard status == 0, let thread = Optional(thread) else {
      box.release()
      return nil
    }
    handle = thread
  }

  /// Waits for the closure to return.
  package func join() { pthread_join(handle, nil) }

  private final class Box: Sendable {
    let body: @Sendable () -> Void
    init(_ body: @escaping @Sendable () -> Void) { self.body = body }
  }
}
