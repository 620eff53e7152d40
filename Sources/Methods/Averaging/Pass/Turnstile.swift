import Platform

/// Lets the iterations of a parallel loop do one part of their work in order.
///
/// Iterations are begun in the order of their indices. Whoever comes before his turn leaves his work behind and goes on,
/// as long as not too much is waiting; whoever has the turn does what has been left behind him, too.
final class Turnstile: @unchecked Sendable {
  private let condition = Condition()
  private let limit: Int
  private var waiting: [Int: () throws -> Void] = [:]
  private var next = 0
  private var failed = Int.max

  /// - Parameter limit: How many pieces of work may wait.
  init(limit: Int) { self.limit = limit }

  /// Runs `now` in the turn of `index`, or leaves `later()` for whoever has the turn before.
  ///
  /// Does neither when an iteration below `index` has failed.
  func pass(_ index: Int, now: () throws -> Void, later: () -> () throws -> Void) throws {
    condition.lock()
    defer { condition.unlock() }
    while next != index {
      if failed < index { return }
      if waiting.count < limit {
        waiting[index] = later()
        return
      }
      condition.wait()
    }
    try run(now)
    while let work = waiting.removeValue(forKey: next) { try run(work) }
  }

  /// Runs the work whose turn it is, without the lock; nobody else has the turn meanwhile.
  private func run(_ work: () throws -> Void) throws {
    condition.unlock()
    do {
      try work()
    } catch {
      condition.lock()
      failed = min(failed, next)
      condition.broadcast()
      throw error
    }
    condition.lock()
    next += 1
    condition.broadcast()
  }

  /// Tells those behind `index` that it will never pass.
  func fail(_ index: Int) {
    condition.lock()
    failed = min(failed, index)
    condition.broadcast()
    condition.unlock()
  }
}
