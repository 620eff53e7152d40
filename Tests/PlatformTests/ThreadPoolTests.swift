import Platform
import Synchronization
import Testing

struct ThreadPoolTests {
  private struct Failure: Error, Equatable { let index: Int }

  @Test(arguments: [1, 2, 5])
  func everyIndexRunsOnce(threads: Int) {
    let pool = ThreadPool(threads: threads)
    #expect(pool.threadCount == threads)
    for count in [0, 1, 2, 3, 1000] {
      let lock = Condition()
      var visits = [Int](repeating: 0, count: count)
      var workers: Set<Int> = []
      pool.forEach(count) { index, worker in
        lock.withLock {
          visits[index] += 1
          workers.insert(worker)
        }
      }
      #expect(visits.allSatisfy { $0 == 1 })
      #expect(workers.allSatisfy { (0..<threads).contains($0) })
    }
  }

  @Test func workersRunAtTheSameTime() {
    let pool = ThreadPool(threads: 3)
    let arrived = Atomic(0)
    // Ends only if three threads are inside the loop together.
    pool.forEach(3) { _, _ in
      arrived.add(1, ordering: .relaxed)
      while arrived.load(ordering: .relaxed) < 3 {}
    }
    #expect(arrived.load(ordering: .relaxed) == 3)
  }

  @Test(arguments: [1, 4])
  func theLowestFailureIsThrown(threads: Int) {
    let pool = ThreadPool(threads: threads)
    for _ in 0..<200 {
      #expect(throws: Failure(index: 3)) {
        try pool.forEach(100) { index, _ throws(Failure) in
          if index >= 3 { throw Failure(index: index) }
        }
      }
    }
  }

  @Test func severalThreadsMayUseOnePool() {
    let shared = ThreadPool(threads: 3)
    let callers = ThreadPool(threads: 4)
    let sum = Atomic(0)
    callers.forEach(40) { _, _ in
      shared.forEach(25) { index, _ in sum.add(index, ordering: .relaxed) }
    }
    #expect(sum.load(ordering: .relaxed) == 40 * 300)
  }

  /// Threads come late to most of these loops, or when they are over.
  @Test func shortLoopsFollowOneAnother() {
    let pool = ThreadPool(threads: 4)
    for round in 0..<5000 {
      let sum = Atomic(0)
      let count = 2 + round % 5
      pool.forEach(count) { index, _ in sum.add(index + 1, ordering: .relaxed) }
      #expect(sum.load(ordering: .relaxed) == count * (count + 1) / 2)
    }
  }

  @Test func poolsComeAndGo() {
    for threads in 1...40 {
      let total = Atomic(0)
      ThreadPool(threads: threads).forEach(threads) { index, _ in total.add(index + 1, ordering: .relaxed) }
      #expect(total.load(ordering: .relaxed) == threads * (threads + 1) / 2)
    }
  }
}
