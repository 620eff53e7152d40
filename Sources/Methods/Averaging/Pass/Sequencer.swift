import Platform

/// Gate that lets the iterations of a parallel loop do one part of their work in order.
///
/// Iterations start in the order of their indices. An iteration that comes before its turn leaves its work
/// and goes on, as long as not too much is waiting; the one whose turn it is does the work that was left as
/// well.
final class Sequencer: @unchecked Sendable {
  private let condition = Condition()
  private let limit: Int
  private var waiting: [Int: () throws -> Void] = [:]
  private var next = 0
  private var failed = Int.max

  /// - Parameter limit: Number of pieces of work that may wait.
  init(limit: Int) { self.limit = limit }

  /// Runs `now` in the turn of `index`, or leaves `later()` for the iteration whose turn precedes it.
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

  /// Runs the work whose turn it is, without the lock; no other iteration has the turn meanwhile.
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

  /// Reports that `index` will never pass, so that later iterations do not wait.
  func fail(_ index: Int) {
    condition.lock()
    failed = min(failed, index)
    condition.broadcast()
    condition.unlock()
  }
}
