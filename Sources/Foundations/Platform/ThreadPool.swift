import CPlatform
import Synchronization

/// A fixed set of POSIX threads that share the iterations of a loop.
///
/// Iterations are handed out by an atomic counter, so fast threads take more of them. Which thread runs which
/// iteration is not reproducible; results must therefore depend on the index alone, never on the worker.
/// Calls from several threads take turns. A loop must not be started from inside a loop of the same pool.
public final class ThreadPool: Sendable {
  /// Number of threads that run a loop, the caller included; at least 1.
  public let threadCount: Int

  private let shared: Shared
  private let threads: [WorkerThread]
  private let failureLock = Condition()

  /// Starts `threads - 1` threads; the caller of a loop is the remaining one.
  /// - Parameter threads: Number of threads; values below 1 count as 1.
  public init(threads: Int) {
    let shared = Shared()
    var started: [WorkerThread] = []
    for worker in 1..<max(threads, 1) {
      // A machine that refuses more threads runs the loop on those there are.
      guard let thread = WorkerThread({ shared.serve(worker: worker) }) else { break }
      started.append(thread)
    }
    self.shared = shared
    self.threads = started
    threadCount = started.count + 1
  }

  deinit {
    shared.close()
    for thread in threads { thread.join() }
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
  /// State shared by the threads of a pool: the current loop and the conditions that announce its begin and
  /// end.
  ///
  /// The loops of a network follow one another within microseconds. A thread that slept in between would have to be
  /// woken, and where other programs keep the processors busy it is then put on the waker's processor, to run when that
  /// is done. So threads look out for the next loop, and for the end of the current one, for a while before they sleep;
  /// and a thread that comes when nothing is left to do is not waited for.
  private final class Shared: @unchecked Sendable {
    private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
    private let turn = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
    private let begun = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
    private let ended = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)

    // What the waiting threads look at; what they then rely on is guarded by `mutex`.
    private let announced = Atomic(0)
    private let busy = Atomic(0)

    // Guarded by `mutex`.
    private var generation = 0
    private var participants = 0
    private var running = 0
    private var closed = false
    private var work: ((Int) -> Void)?

    init() {
      pthread_mutex_init(mutex, nil)
      pthread_mutex_init(turn, nil)
      pthread_cond_init(begun, nil)
      pthread_cond_init(ended, nil)
    }

    deinit {
      pthread_cond_destroy(ended)
      pthread_cond_destroy(begun)
      pthread_mutex_destroy(turn)
      pthread_mutex_destroy(mutex)
      ended.deallocate()
      begun.deallocate()
      turn.deallocate()
      mutex.deallocate()
    }

    /// Runs `work` on the caller as worker 0 and on those of the workers 1 to `participants` that come before the
    /// caller has returned from it; returns when all have.
    func run(participants: Int, _ work: @escaping (Int) -> Void) {
      pthread_mutex_lock(turn)
      pthread_mutex_lock(mutex)
      self.work = work
      self.participants = participants
      generation += 1
      let current = generation
      pthread_mutex_unlock(mutex)
      // Only now: who comes at once would find the mutex taken and be put to sleep.
      announced.store(current, ordering: .releasing)
      pthread_cond_broadcast(begun)

      work(0)

      pthread_mutex_lock(mutex)
      self.work = nil
      pthread_mutex_unlock(mutex)
      spin { busy.load(ordering: .acquiring) > 0 }
      pthread_mutex_lock(mutex)
      while running > 0 { pthread_cond_wait(ended, mutex) }
      pthread_mutex_unlock(mutex)
      pthread_mutex_unlock(turn)
    }

    /// The life of one thread: wait for a loop, take part, repeat until the pool closes.
    func serve(worker: Int) {
      var seen = 0
      while true {
        spin { announced.load(ordering: .acquiring) == seen }
        pthread_mutex_lock(mutex)
        while generation == seen && !closed { pthread_cond_wait(begun, mutex) }
        var work = worker <= participants ? self.work : nil
        let isOver = closed
        seen = generation
        if work != nil && !isOver {
          running += 1
          busy.add(1, ordering: .relaxed)
        }
        pthread_mutex_unlock(mutex)
        if isOver { break }
        if work == nil { continue }
        work?(worker)
        // The caller returns as soon as nobody is busy, and its closure must not outlive that.
        work = nil
        pthread_mutex_lock(mutex)
        running -= 1
        if running == 0 { pthread_cond_signal(ended) }
        pthread_mutex_unlock(mutex)
        busy.subtract(1, ordering: .releasing)
      }
    }

    /// Returns when `condition` no longer holds, but after 200 microseconds in any case.
    private func spin(while condition: () -> Bool) {
      let end = ContinuousClock.now + .microseconds(200)
      while condition() {
        for _ in 0..<32 where condition() { ck_spin_pause() }
        if ContinuousClock.now > end { return }
      }
    }

    func close() {
      pthread_mutex_lock(mutex)
      closed = true
      announced.store(-1, ordering: .releasing)
      pthread_cond_broadcast(begun)
      pthread_mutex_unlock(mutex)
    }
  }
}

/// A pool whose threads start with the first loop that wants them.
package final class LazyThreadPool: Sendable {
  private let threads: Int
  private let pool = Guarded<ThreadPool?>(nil)

  /// - Parameter threads: Number of threads; values below 1 count as 1.
  package init(threads: Int) { self.threads = threads }

  /// The pool, started by the first call.
  package var value: ThreadPool {
    pool.withLock { pool in
      if let pool { return pool }
      let started = ThreadPool(threads: threads)
      pool = started
      return started
    }
  }
}

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
