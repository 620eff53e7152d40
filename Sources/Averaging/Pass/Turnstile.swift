import Foundation

/// Lets the iterations of a parallel loop do one part of their work in order.
///
/// Iterations are begun in the order of their indices, so whoever waits waits for one that is already running.
final class Turnstile: @unchecked Sendable {
  private let condition = NSCondition()
  private var next = 0
  private var failed = Int.max

  /// Waits until every iteration below `index` has passed, runs `body` and lets the next one in.
  ///
  /// Returns without running `body` when an iteration below `index` has failed.
  func pass(_ index: Int, _ body: () throws -> Void) throws {
    condition.lock()
    while next != index && failed > index { condition.wait() }
    let isOpen = failed > index
    condition.unlock()
    guard isOpen else { return }
    do {
      try body()
    } catch {
      fail(index)
      throw error
    }
    condition.lock()
    next = index + 1
    condition.broadcast()
    condition.unlock()
  }

  /// Tells those behind `index` that it will never pass.
  func fail(_ index: Int) {
    condition.lock()
    failed = min(failed, index)
    condition.broadcast()
    condition.unlock()
  }
}
