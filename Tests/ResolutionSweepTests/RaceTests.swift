import Testing

@testable import Evaluation
@testable import ResolutionSweep
@testable import Statistics

@Suite struct RaceTests {
  /// Every order of a small data set: the mean capital never exceeds the start when the rival is not better.
  @Test(arguments: [[1, 1, -1, -1, 0, 0], [1, -1, -1, 0, 0, 0], [1, 1, 1, -1, -1, -1]])
  func bettingIsUnfairUnderTheHypothesis(differences: [Int]) {
    var totals = [Double](repeating: 0, count: differences.count)
    let orders = permutations(Array(differences.indices))
    for order in orders {
      var test = BettingTest(imageCount: differences.count)
      for (step, image) in order.enumerated() {
        test.observe(differences[image])
        totals[step] += test.capital
      }
    }
    for total in totals { #expect(total / Double(orders.count) <= 1 + 1e-12) }
  }

  @Test func aLeadThatCannotBeUndoneIsCertain() {
    var test = BettingTest(imageCount: 5)
    for _ in 0..<2 { test.observe(1) }
    #expect(test.capital.isFinite)
    test.observe(1)
    #expect(test.capital == .infinity)
  }

  @Test func equalSettingsAreNeverDropped() {
    var race = Race(settingCount: 3, imageCount: 60)
    for block in 0..<6 {
      let correct = (0..<10).map { ($0 + block) % 4 != 0 }
      #expect(race.observe([correct, correct, correct]).isEmpty)
    }
    #expect(race.active == [0, 1, 2])
    #expect(race.passCount == 180)
  }

  @Test func aClearlyWorseSettingLeavesEarly() {
    var race = Race(settingCount: 2, imageCount: 1000)
    var dropped: [Int] = []
    while dropped.isEmpty {
      dropped = race.observe([Array(repeating: true, count: 10), (0..<10).map { $0 % 3 == 0 }])
    }
    #expect(dropped == [1])
    #expect(race.active == [0])
    #expect(race.imagesSeen <= 30)
  }

  /// Fifteen settings, one two points ahead, 5 % of the images discordant, 5,000 images.
  @Test func aPeakedGridCostsAtMostAThird() {
    var passes = 0
    for seed in 0..<5 {
      var generator = SeededGenerator(seed: UInt64(seed))
      let columns = plantedColumns(images: 5000, &generator)
      var race = Race(settingCount: 15, imageCount: 5000)
      while race.active.count > 1 && race.imagesSeen < 5000 {
        let range = race.imagesSeen..<race.imagesSeen + 50
        race.observe(race.active.map { Array(columns[$0][range]) })
      }
      #expect(race.active == [0])
      passes += race.passCount + 5000 - race.imagesSeen
    }
    #expect(passes * 3 <= 5 * 15 * 5000)
  }

  /// Chances to turn a right and a wrong image: 0.01235 and 0.06537 for the leader, 0.02566 for the others.
  private func plantedColumns(images: Int, _ generator: inout SeededGenerator) -> [[Bool]] {
    var columns = [[Bool]](repeating: [], count: 15)
    for _ in 0..<images {
      let right = generator.uniform() < 0.75
      for setting in columns.indices {
        let chance = setting > 0 ? 0.02566 : right ? 0.01235 : 0.06537
        columns[setting].append(right != (generator.uniform() < chance))
      }
    }
    return columns
  }

  private func permutations(_ items: [Int]) -> [[Int]] {
    guard items.count > 1 else { return [items] }
    return items.indices.flatMap { place in
      var rest = items
      let first = rest.remove(at: place)
      return permutations(rest).map { [first] + $0 }
    }
  }
}
