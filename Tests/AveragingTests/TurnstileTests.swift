import Platform
import Synchronization
import Testing

@testable import Averaging

@Suite struct TurnstileTests {
  private struct Refusal: Error, Equatable {
    let index: Int
  }

  @Test(arguments: [0, 1, 100]) func workIsDoneInOrder(limit: Int) throws {
    let sequencer = Sequencer(limit: limit)
    let seen = Mutex<[Int]>([])
    try ThreadPool(threads: 4).forEach(5000) { (index, _) throws in
      func work() { seen.withLock { $0.append(index) } }
      try sequencer.pass(index, now: work, later: { work })
    }
    #expect(seen.withLock { $0 } == Array(0..<5000))
  }

  @Test(arguments: [0, 3]) func nothingBehindAFailureIsDone(limit: Int) {
    let sequencer = Sequencer(limit: limit)
    let seen = Mutex<[Int]>([])
    #expect(throws: Refusal.self) {
      try ThreadPool(threads: 4).forEach(1000) { (index, _) throws in
        if index == 400 {
          sequencer.fail(index)
          throw Refusal(index: index)
        }
        func work() { seen.withLock { $0.append(index) } }
        try sequencer.pass(index, now: work, later: { work })
      }
    }
    #expect(seen.withLock { $0 } == Array(0..<400))
  }
}
