import ResolutionSweep
import Statistics
import Testing

@testable import ModelSearch

/// Division of the images, race, choice and budget.
@Suite struct PlanTests {
  @Test func halvesDoNotOverlap() throws {
    for count in [2, 3, 95, 450, 5001] {
      let plan = try SearchPlan(imageCount: count, method: .half, statisticsImages: 1024)
      #expect(plan.selecting == 0..<count / 2 && plan.scoring == count / 2..<count)
      #expect(plan.rounds.last.map { $0.images.upperBound <= count / 2 } ?? true)
      for (round, next) in zip(plan.rounds, plan.rounds.dropFirst()) {
        #expect(round.images.upperBound == next.images.lowerBound)
        #expect(round.statisticsImages <= next.statisticsImages)
      }
      #expect(plan.rounds.allSatisfy { $0.statisticsImages <= 1024 })
    }
  }

  @Test func roundsDouble() throws {
    let plan = try SearchPlan(imageCount: 1000, method: .half, statisticsImages: 300)
    #expect(plan.rounds.map(\.images) == [0..<64, 64..<128, 128..<256])
    #expect(plan.rounds.map(\.statisticsImages) == [64, 128, 256])
    #expect(try SearchPlan(imageCount: 450, method: .folds(5), statisticsImages: 0).rounds.isEmpty)
    #expect(try SearchPlan(imageCount: 60, method: .half, statisticsImages: 0).rounds.isEmpty)
  }

  @Test func tooFewImagesAreRefused() {
    #expect(throws: SearchError.tooFewImages(count: 1, needed: 2)) {
      try SearchPlan(imageCount: 1, method: .half, statisticsImages: 0)
    }
    #expect(throws: SearchError.tooFewImages(count: 4, needed: 5)) {
      try SearchPlan(imageCount: 4, method: .folds(5), statisticsImages: 0)
    }
  }

  @Test func theOrderIsAPermutationOfTheSeed() {
    let order = SearchPlan.order(imageCount: 100, seed: 1)
    #expect(order.sorted() == Array(0..<100) && order == SearchPlan.order(imageCount: 100, seed: 1))
    #expect(order != SearchPlan.order(imageCount: 100, seed: 2))
  }

  @Test func whoeverLeavesIsRecorded() {
    var race = SearchRace(entrantCount: 3, imageCount: 1000, level: 0.95)
    let good = Array(repeating: true, count: 50)
    race.observe([good, good.map { !$0 }, good])
    #expect(race.active == [0, 2])
    #expect(race.eliminations == [.init(entrant: 1, imagesSeen: 50, reason: .worse)])
    race.keep(best: 1, .budget)
    #expect(race.active == [0] && race.eliminations.last?.reason == .budget)
    #expect(race.tally(of: 1) == Proportion(successes: 0, count: 50))
    race.keep(best: 0, .rank)
    #expect(race.active == [0], "one stays")
  }

  @Test func equalsGoToTheFirst() throws {
    let plan = try SearchPlan(imageCount: 20, method: .half, statisticsImages: 0)
    let column = (0..<10).map { $0 < 6 }
    let choice = try Choice([column, column, column], costs: [1, 1, 1], plan: plan, level: 0.95, seed: 0)
    #expect(choice.chosen == 0 && choice.indistinguishable == [0, 1, 2])
    #expect(choice.counted == Array(repeating: 0, count: 20))
  }

  @Test func budgetsAreParsed() {
    #expect(SearchBudget("50000img") == .images(50_000))
    #expect(SearchBudget("90s") == .seconds(90))
    #expect(SearchBudget("20m") == .seconds(1200))
    #expect(SearchBudget("1.5h") == .seconds(5400))
    for text in ["", "20", "m", "-1m", "0s", "0img", "1.5img", "infs", "nanm", "1e9h"] {
      #expect(SearchBudget(text) == nil, "\(text)")
    }
  }

  @Test func timeIsEstimatedFromWhatWasDone() {
    let budget = SearchBudget.seconds(100)
    let work = SearchCost(images: 10, multiplyAdds: 1e9)
    #expect(budget.share(of: work, after: SearchCost()) == 0, "no rate yet")
    let spent = SearchCost(images: 5, multiplyAdds: 5e8, seconds: 20)
    #expect(abs(budget.share(of: work, after: spent) - 0.6) < 1e-12)
    #expect(SearchBudget.images(100).share(of: work, after: spent) == 0.15)
  }
}
