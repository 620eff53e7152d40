#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

extension ThreadPool {
  /// What the threads of a pool share: the current loop and the conditions that announce its begin and end.
  final class Shared: @unchecked Sendable {
    private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
    private let turn = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
    private let begun = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
    private let ended = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)

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

    /// Runs `work` on the caller as worker 0 and on workers 1 to `participants`; returns when all have returned.
    func run(participants: Int, _ work: @escaping (Int) -> Void) {
      pthread_mutex_lock(turn)
      pthread_mutex_lock(mutex)
      self.work = work
      self.participants = participants
      running = participants
      generation += 1
      pthread_cond_broadcast(begun)
      pthread_mutex_unlock(mutex)

      work(0)

      pthread_mutex_lock(mutex)
      while running > 0 { pthread_cond_wait(ended, mutex) }
      self.work = nil
      pthread_mutex_unlock(mutex)
      pthread_mutex_unlock(turn)
    }

    /// The life of one thread: wait for a loop, take part, repeat until the pool closes.
    func serve(worker: Int) {
      var seen = 0
      pthread_mutex_lock(mutex)
      while true {
        while generation == seen && !closed { pthread_cond_wait(begun, mutex) }
        if closed { break }
        seen = generation
        guard worker <= participants, let work else { continue }
        pthread_mutex_unlock(mutex)
        work(worker)
        pthread_mutex_lock(mutex)
        running -= 1
        if running == 0 { pthread_cond_signal(ended) }
      }
      pthread_mutex_unlock(mutex)
    }

    func close() {
      pthread_mutex_lock(mutex)
      closed = true
      pthread_cond_broadcast(begun)
      pthread_mutex_unlock(mutex)
    }
  }
}
