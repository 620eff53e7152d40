import Synchronization

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// A fixed set of POSIX threads that share the iterations of a loop.
///
/// Iterations are handed out by an atomic counter, so fast threads take more of them. Which thread runs which
/// iteration is not reproducible; results must therefore depend on the index alone, never on the worker.
/// Calls from several threads take turns. A loop must not be started from inside a loop of the same pool.
public final class ThreadPool: Sendable {
  /// Number of threads that run a loop, the caller included; at least 1.
  public let threadCount: Int

  private let shared: Shared
  private let threads: [pthread_t]
  private let failureLock = Condition()

  /// Starts `threads - 1` threads; the caller of a loop is the remaining one.
  /// - Parameter threads: Number of threads; values below 1 count as 1.
  public init(threads: Int) {
    let shared = Shared()
    var started: [pthread_t] = []
    for worker in 1..<max(threads, 1) {
      let start = Unmanaged.passRetained(Start(shared: shared, worker: worker))
      guard let thread = Self.startThread(start.toOpaque()) else {
        // The machine refuses more threads: the loop runs on those there are.
        start.release()
        break
      }
      started.append(thread)
    }
    self.shared = shared
    self.threads = started
    threadCount = started.count + 1
  }

  deinit {
    shared.close()
    for thread in threads { pthread_join(thread, nil) }
  }

  /// No threads: loops run on their caller, also inside a loop of another pool.
  public static let caller = ThreadPool(threads: 1)

  /// Runs `body` for every index below `count` and returns when all have finished.
  ///
  /// - Parameters:
  ///   - count: Number of iterations.
  ///   - body: Called with the index and the number of the worker (below `threadCount`, for scratch memory).
  /// - Throws: The error of the lowest index that failed; iterations not yet begun are then left out.
  public func forEach<Failure: Error>(
    _ count: Int, _ body: (_ index: Int, _ worker: Int) throws(Failure) -> Void
  ) throws(Failure) {
    guard count > 0 else { return }
    if threads.isEmpty || count == 1 {
      for index in 0..<count { try body(index, 0) }
      return
    }
    let failure: Failure? = withoutActuallyEscaping(body) { body in
      var first: (index: Int, error: Failure)?
      let next = Atomic(0)
      shared.run(participants: min(threads.count, count - 1)) { worker in
        while true {
          let index = next.wrappingAdd(1, ordering: .relaxed).oldValue
          guard index < count else { return }
          do throws(Failure) {
            try body(index, worker)
          } catch {
            // Indices are handed out in order, so every lower index has been begun and will report too.
            next.store(count, ordering: .relaxed)
            self.failureLock.withLock {
              if index < first?.index ?? Int.max { first = (index, error) }
            }
          }
        }
      }
      return first?.error
    }
    if let failure { throw failure }
  }
}

extension ThreadPool {
  private final class Start: Sendable {
    let shared: Shared
    let worker: Int
    init(shared: Shared, worker: Int) {
      self.shared = shared
      self.worker = worker
    }
  }

  private static func startThread(_ argument: UnsafeMutableRawPointer) -> pthread_t? {
    var thread = pthread_t(bitPattern: 0)
    let status = pthread_create(
      &thread, nil,
      { argument in
        #if canImport(Glibc)
          let start = Unmanaged<Start>.fromOpaque(argument!).takeRetainedValue()
        #else
          let start = Unmanaged<Start>.fromOpaque(argument).takeRetainedValue()
        #endif
        start.shared.serve(worker: start.worker)
        return nil
      }, argument)
    return status == 0 ? thread : nil
  }
}
