import Testing

@testable import Evaluation
@testable import ResolutionSweep
@testable import Statistics

@Suite struct ConfidenceSetTests {
  /// `only` images that setting 1 alone gets right, in a hundred.
  private func pair(only: Int) -> ScoreMatrix {
    ScoreMatrix(columns: [Array(repeating: 0, count: 100), (0..<100).map { $0 < only ? 1 : 0 }])
  }

  private func members(_ scores: ScoreMatrix) -> [Int] {
    var generator = SeededGenerator(seed: 1)
    return ConfidenceSet(scores, generator: &generator).members
  }

  @Test func fewDiscordantImagesProveNothing() {
    // One-sided exact p: 1/8 of three to nothing, 1/32 of five to nothing, 1/64 of six.
    #expect(members(pair(only: 3)) == [0, 1])
    #expect(members(pair(only: 6)) == [1])
  }

  @Test func equalSettingsStayTogether() {
    let column = (0..<50).map { Double($0 % 3 == 0 ? 0 : 1) }
    #expect(members(ScoreMatrix(columns: [column, column, column])) == [0, 1, 2])
  }

  @Test func oneSettingIsItsOwnSet() {
    #expect(members(ScoreMatrix(columns: [[1, 0, 1]])) == [0])
  }

  @Test func oneImageProvesNothing() {
    #expect(members(ScoreMatrix(columns: [[1], [0]])) == [0, 1])
  }

  @Test func deficitsHoldTheTruthAndBeginAtZeroForMembers() {
    var generator = SeededGenerator(seed: 3)
    let good = (0..<4000).map { _ in generator.uniform() < 0.8 }
    let worse = good.map { $0 && generator.uniform() > 0.1 }
    let scores = ScoreMatrix(columns: [good, worse].map { $0.map { $0 ? 1 : 0 } })
    let set = ConfidenceSet(scores, generator: &generator)
    #expect(set.members == [0])
    #expect(set.deficits[0] == 0...0 || set.deficits[0].lowerBound == 0)
    #expect(set.deficits[1].contains(0.08))
    #expect(set.deficits[1].lowerBound > 0)
  }

  /// At the nominal 95 %, 200 repetitions may fall two standard errors (3.1 points) short.
  @Test func holdsTheBestSettingAsOftenAsItClaims() {
    var held = 0
    for repetition in 0..<200 {
      var generator = SeededGenerator(seed: UInt64(repetition))
      var columns = [[Double]](repeating: [], count: 6)
      for _ in 0..<400 {
        let right = generator.uniform() < 0.7
        for setting in columns.indices {
          let turned = generator.uniform() < 0.05
          columns[setting].append(right != turned ? 1 : 0)
        }
      }
      let set = ConfidenceSet(ScoreMatrix(columns: columns), replicates: 500, generator: &generator)
      if set.members.contains(0) { held += 1 }
    }
    #expect(held >= 184)
    // A set that always holds everything would pass the above.
    #expect(held < 200)
  }

  /// Simultaneous coverage of the intervals of nine settings, in 300 simulated grids.
  private func simultaneousCoverage(_ accuracies: [Double], images: Int) -> Int {
    (0..<300).count { repetition in
      var generator = SeededGenerator(seed: UInt64(repetition), for: "coverage")
      var columns = accuracies.map { _ in [Double]() }
      for _ in 0..<images {
        let ease = generator.uniform()
        for (setting, accuracy) in accuracies.enumerated() {
          // Most of the luck is the image's, so that settings differ on few images.
          let luck = generator.uniform() < 0.9 ? ease : generator.uniform()
          columns[setting].append(luck < accuracy ? 1 : 0)
        }
      }
      let set = ConfidenceSet(ScoreMatrix(columns: columns), replicates: 400, generator: &generator)
      let best = accuracies.max()!
      return zip(set.deficits, accuracies).allSatisfy { $0.contains(best - $1) }
    }
  }

  /// At the nominal 95 %, 300 repetitions may fall two standard errors (2.5 points) short.
  @Test(arguments: [
    Array(repeating: 0.8, count: 9), (0..<9).map { 0.8 - 0.005 * Double($0) },
    [0.84] + Array(repeating: 0.8, count: 8),
  ]) func distancesHoldForAllSettingsAtOnce(_ accuracies: [Double]) {
    let held = simultaneousCoverage(accuracies, images: 300)
    #expect(held >= 277)
  }
}
