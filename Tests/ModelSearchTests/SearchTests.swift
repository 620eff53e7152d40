import Averaging
import ImageData
import ModelSearch
import Platform
import ResolutionSweep
import Statistics
import Testing

/// The search over planted outcomes.
@Suite struct SearchTests {
  private let recorded = Preprocessing(resize: 54, crop: 48)

  private func settings(_ count: Int = 6, soup: Bool = false) -> BestModelSearch.Settings {
    var space = SearchSpace(checkpointCount: count)
    space.hasSoup = soup
    space.crops = [48, 64]
    return BestModelSearch.Settings(space: space, recorded: recorded, hasBatchNorm: true)
  }

  private func plan(_ images: Int, _ method: SelectionMethod = .half) throws -> SearchPlan {
    try SearchPlan(imageCount: images, method: method, statisticsImages: 512)
  }

  /// Right on so many of a hundred places.
  private func isRight(_ quality: Int, _ place: Int) -> Bool { (place * 7919) % 100 < quality }

  /// The mean of the last 4 at the larger size is by far the best.
  private func quality(_ entrant: Entrant) -> Int {
    var quality = 50
    if entrant.candidate == .mean(last: 4) { quality += 15 }
    if entrant.isRecalibrated { quality += 5 }
    if entrant.preprocessing.crop == 64 { quality += 10 }
    return quality
  }

  @Test func findsThePlantedBest() throws {
    let world = PlantedWorld { entrant, _, place, _ in self.isRight(self.quality(entrant), place) }
    let result = try BestModelSearch(settings(), plan: plan(1000), testCount: 300, world: world).run()
    #expect(result.chosen.candidate == .mean(last: 4) && result.chosen.preprocessing.crop == 64)
    #expect(result.answer == .better)
    #expect(result.scores.map(\.top1.count) == [500, 300])
    #expect(abs(result.scores[0].comparison.difference - 0.3) < 0.02)
    #expect(result.rows.count { $0.isChosen } == 1)
    #expect(result.stages.map(\.kind) == [.race, .final, .resize])
  }

  @Test func theScoringHalfIsLookedAtOnce() throws {
    let world = PlantedWorld { entrant, _, place, _ in self.isRight(self.quality(entrant), place) }
    let result = try BestModelSearch(settings(), plan: plan(1000), testCount: 300, world: world).run()
    let scored = world.requests.filter { $0.set == .test || $0.places.upperBound > 500 }
    #expect(scored.map(\.places) == [500..<1000, 0..<300])
    #expect(scored.allSatisfy { $0.entrants == [result.chosen, result.last] })
    #expect(scored.allSatisfy { $0.statistics == 512 })
  }

  @Test func nothingBetterIsAnAnswer() throws {
    let world = PlantedWorld { entrant, _, place, _ in
      self.isRight(entrant.isRecalibrated ? 40 : 70, place)
    }
    let result = try BestModelSearch(settings(), plan: plan(600), testCount: 0, world: world).run()
    #expect(result.answer == .last && result.chosen == result.last)
    #expect(result.scores[0].comparison.difference == 0 && result.scores[0].gainInterval == 0...0)
  }

  @Test func aGainByChanceIsNotClaimed() throws {
    // On the choosing half one entrant is ahead, on the other all are equal.
    let world = PlantedWorld { entrant, _, place, _ in
      let quality = entrant.candidate == .mean(last: 4) && place < 300 ? 72 : 65
      return self.isRight(quality, place)
    }
    let result = try BestModelSearch(settings(), plan: plan(600), testCount: 0, world: world).run()
    #expect(result.chosen.candidate == .mean(last: 4))
    #expect(result.answer == .notShown)
  }

  @Test func losersLeaveEarlyAndStatisticsGrow() throws {
    let world = PlantedWorld { entrant, _, place, _ in self.isRight(self.quality(entrant), place) }
    var small = settings()
    small.finalists = 3
    let result = try BestModelSearch(small, plan: plan(2000), testCount: 0, world: world).run()
    let race = world.requests.filter { $0.places.upperBound <= 1000 && $0.places.count < 1000 }
    #expect(race.map(\.places).prefix(2) == [0..<64, 64..<128])
    #expect(zip(race, race.dropFirst()).allSatisfy { $0.entrants.count >= $1.entrants.count })
    #expect(race.map(\.statistics).prefix(3) == [64, 128, 256])
    #expect(race.last!.entrants.count < race[0].entrants.count)
    #expect(result.rows.contains { $0.reason == .worse })
    let final = world.requests.first { $0.places == 0..<1000 }
    #expect(final.map { $0.entrants.count <= 4 } ?? false, "three and the last checkpoint")
  }

  @Test func aSoupKeepsWhatHelps() throws {
    // Even checkpoints complement each other, odd ones spoil the soup.
    let world = PlantedWorld { entrant, _, place, _ in
      guard case .soup(let members) = entrant.candidate else {
        if case .checkpoint(let index) = entrant.candidate {
          return self.isRight((index.isMultiple(of: 2) ? 60 : 50) + index, place)
        }
        return self.isRight(40, place)
      }
      let good = members.count { $0.isMultiple(of: 2) }
      return self.isRight(60 + 5 * good - 20 * (members.count - good), place)
    }
    let result = try BestModelSearch(
      settings(soup: true), plan: plan(1000), testCount: 0, world: world
    ).run()
    #expect(result.chosen.candidate == .soup([0, 2, 4]))
    #expect(result.stages.map(\.kind).contains(.soup))
    let soups = result.rows.filter { if case .soup = $0.entrant.candidate { $0.isFinalist } else { false } }
    #expect(soups.count == 1 || soups.allSatisfy { $0.entrant.candidate == .soup([0, 2, 4]) })
  }

  @Test func tuningJoinsTheFinal() throws {
    let tuning = Tuning(layers: .classifier, learningRate: 0.01)
    var tuned = settings()
    tuned.tunings = [tuning]
    let world = PlantedWorld { entrant, _, place, _ in
      self.isRight(self.quality(entrant) + (entrant.tuning == nil ? 0 : 8), place)
    }
    let result = try BestModelSearch(tuned, plan: plan(1000), testCount: 0, world: world).run()
    #expect(result.chosen.tuning == tuning && result.stages.last?.kind == .tuning)
    #expect(result.chosen.untuned.candidate == .mean(last: 4))
  }

  @Test func foldsDropNobodyAndScoreAllImages() throws {
    let world = PlantedWorld { entrant, _, place, _ in self.isRight(self.quality(entrant), place) }
    let result = try BestModelSearch(
      settings(), plan: plan(400, .folds(4)), testCount: 0, world: world
    ).run()
    #expect(result.scores.map(\.top1.count) == [400])
    #expect(result.rows.allSatisfy { $0.isFinalist && $0.reason == nil })
    #expect(result.stages.map(\.kind) == [.final])
    #expect(result.answer == .better)
  }

  @Test func withoutHalvesTheTestSetScores() throws {
    let world = PlantedWorld { entrant, _, place, _ in self.isRight(self.quality(entrant), place) }
    let result = try BestModelSearch(
      settings(), plan: plan(400, .none), testCount: 200, world: world
    ).run()
    #expect(result.scores.map(\.top1.count) == [200])
  }

  @Test(arguments: [1500, 4000]) func theBudgetIsKept(_ images: Int) throws {
    let world = PlantedWorld { entrant, _, place, _ in self.isRight(self.quality(entrant), place) }
    var limited = settings()
    limited.space.crops = [48]
    limited.hasBatchNorm = false
    limited.budget = .images(images)
    let result = try BestModelSearch(limited, plan: plan(1000), testCount: 0, world: world).run()
    #expect(result.spent.images <= images)
    #expect(!result.shortages.isEmpty)
    #expect(result.scores.count == 1)
  }

  @Test func theLastCheckpointIsInTheFinalThoughItLostTheRace() throws {
    let world = PlantedWorld { entrant, _, place, _ in
      self.isRight(entrant.isRecalibrated ? self.quality(entrant) : 5, place)
    }
    let result = try BestModelSearch(settings(), plan: plan(1000), testCount: 0, world: world).run()
    let last = try #require(result.rows.first { $0.entrant == result.last })
    #expect(last.isFinalist && last.top1.count == 500 && last.reason == nil)
    #expect(result.rows.allSatisfy { $0.isFinalist == ($0.reason == nil) })
    // The gain of the final is that over the last checkpoint.
    let final = try #require(result.stages.first { $0.kind == .final })
    #expect(final.gain == final.top1.value - last.top1.value)
  }

  @Test func aCheaperEqualIsNotTakenForTheLastCheckpoint() throws {
    var smaller = settings()
    smaller.space.crops = [32, 48]
    let world = PlantedWorld { _, _, place, _ in self.isRight(60, place) }
    let result = try BestModelSearch(smaller, plan: plan(600), testCount: 0, world: world).run()
    #expect(result.answer == .last)
  }

  @Test func aRunOfOneCheckpointIsSearched() throws {
    let settings = BestModelSearch.Settings(
      space: SearchSpace(checkpointCount: 1), recorded: recorded, hasBatchNorm: true)
    let world = PlantedWorld { entrant, _, place, _ in
      self.isRight(entrant.preprocessing.crop == 61 ? 90 : 50, place)
    }
    let result = try BestModelSearch(settings, plan: plan(600), testCount: 0, world: world).run()
    #expect(result.chosen.candidate == .checkpoint(0) && result.chosen.preprocessing.crop == 61)
    #expect(result.answer == .better && result.stages.map(\.kind) == [.race, .final, .resize])
  }

  @Test func tuningCountsTheImagesThatItLearnsFrom() throws {
    var tuned = settings()
    tuned.tunings = [Tuning(layers: .classifier, learningRate: 0.01)]
    tuned.tuningImages = 1_000_000
    tuned.budget = .images(900_000)
    let world = PlantedWorld { entrant, _, place, _ in self.isRight(self.quality(entrant), place) }
    let result = try BestModelSearch(tuned, plan: plan(1000), testCount: 0, world: world).run()
    // The race leaves a single average, whose tuning would learn from more images than are allowed.
    let shortage = try #require(result.shortages.first)
    #expect(result.shortages.count == 1 && shortage.stage == .tuning)
    #expect(shortage.wanted == 1 && shortage.kept == 0)
    #expect(!result.stages.contains { $0.kind == .tuning })
  }

  @Test(arguments: [4000, 6000, 8000, 10_000]) func aSoupEndsWithTheBudget(_ images: Int) throws {
    // Every checkpoint is worth adding.
    let world = PlantedWorld { entrant, _, place, _ in
      guard case .soup(let members) = entrant.candidate else { return self.isRight(40, place) }
      return self.isRight(40 + 5 * members.count, place)
    }
    var limited = settings(10, soup: true)
    limited.space.crops = [48]
    limited.hasBatchNorm = false
    limited.leaders = 0
    limited.budget = .images(images)
    let result = try BestModelSearch(limited, plan: plan(1000), testCount: 0, world: world).run()
    #expect(result.spent.images <= images)
    if images == 10_000 { #expect(result.stages.contains { $0.kind == .soup }) }
  }

  @Test(arguments: [10.0, 20, 60]) func timeIsKeptFromTheFirstRoundOn(_ seconds: Double) throws {
    let world = PlantedWorld { entrant, _, place, _ in self.isRight(self.quality(entrant), place) }
    world.secondsPerImage = 0.003
    var limited = settings(20)
    limited.space.crops = [48]
    limited.hasBatchNorm = false
    limited.budget = .seconds(seconds)
    let result = try BestModelSearch(limited, plan: plan(1000), testCount: 0, world: world).run()
    #expect(result.spent.seconds <= seconds + 1e-9)
    #expect(result.scores.count == 1)
    if seconds == 10 { #expect(result.shortages.first?.stage == .race) }
  }

  @Test func aMergeHasABudgetOfItsOwn() throws {
    let world = PlantedWorld { entrant, _, place, _ in self.isRight(self.quality(entrant), place) }
    var limited = settings()
    limited.hasBatchNorm = false
    for index in 0..<3 {
      try BestModelSearch(limited, plan: plan(1000), testCount: 0, world: world)
        .run(shard: Shard(index: index, count: 3)!)
    }
    let shards = world.spent.images
    limited.budget = .images(25_000)
    let merged = try BestModelSearch(limited, plan: plan(1000), testCount: 0, world: world)
      .run(isMeasured: true)
    #expect(shards > 0 && merged.inherited.images == shards)
    #expect(merged.spent.images - shards <= 25_000)
    #expect(merged.shortages.isEmpty && merged.stages.map(\.kind) == [.final, .resize])
  }

  @Test func shardsAndTheirMergeChooseAsOneRun() throws {
    let plant: PlantedWorld.Plant = { entrant, _, place, _ in
      self.isRight(self.quality(entrant), place)
    }
    let whole = try BestModelSearch(settings(), plan: plan(1000), testCount: 0, world: PlantedWorld(plant))
      .run()
    let world = PlantedWorld(plant)
    for index in 0..<3 {
      try BestModelSearch(settings(), plan: plan(1000), testCount: 0, world: world)
        .run(shard: Shard(index: index, count: 3)!)
    }
    #expect(world.requests.allSatisfy { $0.places.upperBound <= 500 })
    let merged = try BestModelSearch(settings(), plan: plan(1000), testCount: 0, world: world)
      .run(isMeasured: true)
    #expect(merged.chosen == whole.chosen && merged.scores == whole.scores)
  }

  @Test func aMergeWithoutMeasurementsIsRefused() throws {
    let world = PlantedWorld { _, _, _, _ in true }
    #expect(throws: SearchError.self) {
      try BestModelSearch(settings(), plan: plan(100), testCount: 0, world: world).run(isMeasured: true)
    }
  }
}
