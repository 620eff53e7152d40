import Testing

@testable import Averaging

@Suite struct GreedySoupTests {
  /// Scores by hand: alone 3, 5, 4, 1; 1 with 2 improves, 0 does not, 3 does.
  private let scores: [[Int]: Double] = [
    [0]: 3, [1]: 5, [2]: 4, [3]: 1, [1, 2]: 6, [0, 1, 2]: 6, [1, 2, 3]: 7,
  ]

  @Test func addsWhatImproves() {
    var asked: [[Int]] = []
    let result = GreedySoup.select(count: 4, mode: .max) { members in
      asked.append(members)
      return scores[members]!
    }
    #expect(result.members == [1, 2, 3])
    #expect(result.score == 7)
    #expect(asked == [[0], [1], [2], [3], [1, 2], [0, 1, 2], [1, 2, 3]])
  }

  @Test func lowIsBetterForLosses() {
    let result = GreedySoup.select(count: 4, mode: .min) { -scores[$0]! }
    #expect(result.members == [1, 2, 3])
    #expect(result.score == -7)
  }

  @Test func notANumberIsNeverBest() {
    let result = GreedySoup.select(count: 2, mode: .max) { $0 == [1] ? 1 : .nan }
    #expect(result.members == [1])
  }

  @Test func newerComesFirstAmongEquals() {
    #expect(GreedySoup.select(count: 3, mode: .max) { _ in 1 }.members == [2])
  }
}
