import Statistics
import Testing

struct SeededGeneratorTests {
  @Test func sequenceOfTheReferenceImplementation() {
    // First outputs of Vigna's splitmix64.c for seed 1234567.
    var generator = SeededGenerator(seed: 1_234_567)
    let expected: [UInt64] = [
      6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423,
      4_593_380_528_125_082_431, 16_408_922_859_458_223_821,
    ]
    #expect(expected.map { _ in generator.next() } == expected)
  }

  /// rms difference of means over 64 draws, one for each index, of seeds 1 and 1000 apart: independent means differ by
  /// as much whatever the distance.
  @Test func neighboringSeedsShareNoDraws() {
    func mean(_ seed: Int) -> Double {
      (0..<64).reduce(0.0) { sum, index in
        var generator = SeededGenerator(seed: UInt64(seed), for: "image transforms", index: index)
        return sum + generator.uniform()
      } / 64
    }
    func rms(_ distance: Int) -> Double {
      (0..<1000).reduce(0.0) {
        let difference = mean($1) - mean($1 + distance)
        return $0 + difference * difference
      }.squareRoot()
    }
    #expect(abs(rms(1) / rms(1000) - 1) < 0.1)
  }

  @Test func purposesAndIndicesHaveSequencesOfTheirOwn() {
    var seen: Set<UInt64> = []
    for seed in 0..<10 {
      for purpose in ["image order", "sample", "mixing"] {
        for index in 0..<10 {
          var generator = SeededGenerator(seed: UInt64(seed), for: purpose, index: index)
          for _ in 0..<10 { #expect(seen.insert(generator.next()).inserted) }
        }
      }
    }
  }

  @Test func permutationIsAPermutationAndFollowsTheSeed() {
    for count in [0, 1, 2, 17, 1000] {
      var first = SeededGenerator(seed: 7)
      var second = SeededGenerator(seed: 7)
      let order = first.permutation(count)
      #expect(order.sorted() == Array(0..<count))
      #expect(order == second.permutation(count))
    }
    var generator = SeededGenerator(seed: 0)
    #expect(generator.permutation(100) != generator.permutation(100))
  }

  @Test func everyOrderIsEquallyLikely() {
    var generator = SeededGenerator(seed: 3)
    var counts: [[Int]: Int] = [:]
    for _ in 0..<6000 { counts[generator.permutation(3), default: 0] += 1 }
    // Six orders, 1000 each; the standard deviation is 29.
    #expect(counts.count == 6)
    #expect(counts.values.allSatisfy { abs($0 - 1000) < 150 })
  }

  @Test func integersStayBelowTheBound() {
    var generator = SeededGenerator(seed: 5)
    let drawn = Set((0..<1000).map { _ in generator.integer(below: 7) })
    #expect(drawn == Set(0..<7))
    #expect(generator.integer(below: 1) == 0)
    #expect((0..<100).allSatisfy { _ in generator.integer(below: .max) >= 0 })
  }

  @Test func uniformAndNormalHaveTheirMoments() {
    var generator = SeededGenerator(seed: 11)
    let uniform = (0..<20_000).map { _ in generator.uniform() }
    #expect(uniform.allSatisfy { (0..<1).contains($0) })
    #expect(abs(uniform.reduce(0, +) / 20_000 - 0.5) < 0.01)
    let normal = (0..<20_000).map { _ in generator.normal() }
    #expect(abs(normal.reduce(0, +) / 20_000) < 0.03)
    #expect(abs(normal.reduce(0) { $0 + $1 * $1 } / 20_000 - 1) < 0.05)
    #expect((0..<100).allSatisfy { _ in (-2..<3).contains(generator.uniform(in: -2..<3)) })
  }
}
