import Evaluation
import ImageData
import Platform
import ResolutionSweep
import Statistics

/// The search for the best model that a run's checkpoints can give.
///
/// Averages at several sizes race on the choosing images; the finalists are measured on all of these; a soup, other resizes
/// and a tuning of the leaders join them; one is chosen and scored once on images that had no part in the choice, next to
/// the last checkpoint as it is.
///
/// ```swift
/// let search = BestModelSearch(settings, plan: plan, testCount: 0, world: world)
/// let result = try search.run()
/// print(result.answer, result.scores.map(\.comparison.difference))
/// ```
public final class BestModelSearch {
  /// Extent of a search.
  public struct Settings: Sendable {
    /// Averages and sizes.
    public var space: SearchSpace
    /// Preprocessing of the last checkpoint as it is.
    public var recorded: Preprocessing
    /// True if the network has BatchNorm statistics to recalibrate.
    public var hasBatchNorm: Bool
    /// Tunings of the leaders, all of them tried.
    public var tunings: [Tuning] = []
    /// Number of images that leaders are tuned on.
    public var tuningImages = 0
    /// Number of candidates that other resizes and tuning are tried with.
    public var leaders = 2
    /// Entrants that go into the final at most; folds have no final.
    public var finalists = 12
    /// Probability that a race keeps the best entrant, and that the indistinguishable finalists include the best.
    public var level = 0.95
    /// Limit on what is spent; nil for none.
    public var budget: SearchBudget?
    /// Seed of all random draws.
    public var seed: UInt64 = 0

    /// The usual search of a space.
    public init(space: SearchSpace, recorded: Preprocessing, hasBatchNorm: Bool) {
      self.space = space
      self.recorded = recorded
      self.hasBatchNorm = hasBatchNorm
    }
  }

  private let settings: Settings
  private let plan: SearchPlan
  private let testCount: Int
  private let testName: String
  private let validationName: String
  private let world: any SearchWorld
  private let onStage: (SearchResult.Stage) -> Void

  private var entrants: [Entrant]
  private var race: SearchRace?
  /// Outcomes on all choosing images, by the number of the entrant.
  private var finals: [Int: EntrantOutcomes] = [:]
  private var stages: [SearchResult.Stage] = []
  private var shortages: [SearchResult.Shortage] = []
  /// Cost of the shards that this search goes on from, which had a budget each.
  private var inherited = SearchCost()

  /// The last checkpoint as it is comes first.
  private static let last = 0

  /// - Parameters:
  ///   - settings: Extent of the search.
  ///   - plan: Division of the validation images.
  ///   - testCount: Number of test images; 0 without.
  ///   - names: Names of the validation and of the test set.
  ///   - world: Measures the entrants.
  ///   - onStage: Called after every stage.
  public init(
    _ settings: Settings, plan: SearchPlan, testCount: Int,
    names: (validation: String, test: String) = ("", ""),
    world: any SearchWorld, onStage: @escaping (SearchResult.Stage) -> Void = { _ in }
  ) {
    self.settings = settings
    self.plan = plan
    self.testCount = testCount
    (validationName, testName) = names
    self.world = world
    self.onStage = onStage
    let count = settings.space.checkpointCount
    entrants = [
      Entrant(candidate: .checkpoint(count - 1), preprocessing: settings.recorded, isRecalibrated: false)
    ]
  }

  /// Makes the whole search, or what follows after its shards.
  ///
  /// - Parameter isMeasured: True if the race and the final have been measured in shards; their entrants are then those that
  ///   the world knows.
  /// - Throws: `SearchError`; errors of measuring.
  public func run(isMeasured: Bool = false) throws -> SearchResult {
    enter(settings.space.candidates)
    if isMeasured {
      inherited = world.spent
      try takeFinalists()
    } else {
      try runRace()
      try measureFinalists()
    }
    if case .folds = plan.method {
      // Soup and leaders follow from images that are to score.
    } else {
      try addSoup()
      try addRefinements()
      try addTunings()
    }
    return try finish()
  }

  /// Races the candidates of a shard and measures its finalists; the last checkpoint as it is takes part in every shard.
  ///
  /// - Throws: Errors of measuring.
  public func run(shard: Shard) throws {
    let candidates = settings.space.candidates
    enter(shard.items(of: candidates.count).map { candidates[$0] })
    try runRace()
    try measureFinalists()
  }

  private func enter(_ candidates: [Candidate]) {
    var known = Set(entrants)
    for candidate in candidates {
      for preprocessing in settings.space.preprocessings(around: settings.recorded) {
        let entrant = Entrant(
          candidate: candidate, preprocessing: preprocessing, isRecalibrated: settings.hasBatchNorm)
        if known.insert(entrant).inserted { entrants.append(entrant) }
      }
    }
  }

  // MARK: Race and final

  private func runRace() throws {
    try clockFirstImages()
    var race = SearchRace(
      entrantCount: entrants.count, imageCount: plan.selecting.count, level: settings.level)
    let before = world.spent
    var earlier = 0
    for round in plan.rounds {
      let added = max(0, round.statisticsImages - earlier)
      earlier = round.statisticsImages
      // Half of what is left, so that later rounds find something.
      try limit(&race, images: round.images.count, statistics: added, share: 0.5, .race)
      let active = race.active
      let outcomes = try world.outcomes(
        of: active.map { entrants[$0] }, on: .validation, places: round.images,
        statisticsImages: round.statisticsImages)
      race.observe(outcomes.map(\.isCorrect))
      // A single entrant has none to race with.
      if race.active.count == 1 { break }
    }
    if !plan.rounds.isEmpty, let leader = race.ranking.first {
      note(.race, leader, race.tally(of: leader), tried: entrants.count, since: before)
    }
    self.race = race
  }

  /// Measures the last checkpoint on the images that come first in any case: a limit on time needs to know a speed before it
  /// can say how many entrants there is time for.
  private func clockFirstImages() throws {
    guard case .seconds = settings.budget, world.spent.multiplyAdds == 0 else { return }
    _ = try world.outcomes(
      of: [entrants[Self.last]], on: .validation, places: plan.rounds.first?.images ?? plan.selecting,
      statisticsImages: plan.rounds.first?.statisticsImages ?? plan.statisticsImages)
  }

  private func measureFinalists() throws {
    guard var race else { return }
    let before = world.spent
    if !plan.rounds.isEmpty { race.keep(best: settings.finalists, .rank) }
    try limit(
      &race, images: plan.selecting.count, statistics: plan.statisticsImages, share: 1, .final)
    self.race = race
    // The last checkpoint, which all are compared with, is in the final even if it left the race.
    let numbers = (race.active.contains(Self.last) ? [] : [Self.last]) + race.active
    try measure(numbers)
    note(.final, tried: numbers.count, since: before)
  }

  private func takeFinalists() throws {
    let known = entrants.indices.filter {
      world.isKnown(
        entrants[$0], on: .validation, places: plan.selecting, statisticsImages: plan.statisticsImages)
    }
    guard !known.isEmpty else {
      throw SearchError.incompleteStates("the states hold no finalist that has seen all choosing images")
    }
    let before = world.spent
    try measure(known)
    note(.final, tried: known.count, since: before)
  }

  /// Measures entrants on all choosing images with the final statistics.
  private func measure(_ numbers: [Int]) throws {
    let new = numbers.filter { finals[$0] == nil }
    guard !new.isEmpty else { return }
    let outcomes = try world.outcomes(
      of: new.map { entrants[$0] }, on: .validation, places: plan.selecting,
      statisticsImages: plan.statisticsImages)
    for (number, outcome) in zip(new, outcomes) { finals[number] = outcome }
  }

  /// Adds an entrant unless it is there, and returns its number.
  private func number(of entrant: Entrant) -> Int {
    if let known = entrants.firstIndex(of: entrant) { return known }
    entrants.append(entrant)
    return entrants.count - 1
  }

  private func tally(_ number: Int) -> Proportion {
    let correct = finals[number]?.isCorrect ?? []
    return Proportion(successes: correct.count { $0 }, count: correct.count)
  }

  /// The finalists, the most accurate on the choosing images first, the earlier one among equals.
  private var ranking: [Int] {
    finals.keys.sorted { a, b in
      let (first, second) = (tally(a).successes, tally(b).successes)
      return first != second ? first > second : a < b
    }
  }

  // MARK: Further stages

  /// The greedy soup (Wortsman et al. 2022, "Model soups", recipe 1) at the size of the leader: checkpoints are tried in the
  /// order of what is known of each alone, the newer first among equals, and one stays if the mean becomes more accurate.
  private func addSoup() throws {
    guard settings.space.hasSoup, let leader = ranking.first else { return }
    let preprocessing = entrants[leader].preprocessing
    func entrant(_ candidate: Candidate) -> Entrant {
      Entrant(candidate: candidate, preprocessing: preprocessing, isRecalibrated: settings.hasBatchNorm)
    }
    var scores: [Int: Double] = [:]
    for place in 0..<settings.space.checkpointCount {
      guard let number = entrants.firstIndex(of: entrant(.checkpoint(place))) else { continue }
      if finals[number] != nil {
        scores[place] = tally(number).value
      } else if let race, number < race.entrantCount, race.tally(of: number).count > 0 {
        scores[place] = race.tally(of: number).value
      }
    }
    guard scores.count > 1 else { return }
    let order = scores.sorted { ($0.value, $0.key) > ($1.value, $1.key) }.map(\.key)
    let before = world.spent
    let images = plan.selecting.count + (settings.hasBatchNorm ? plan.statisticsImages : 0)
    let work = SearchCost.passes(images, multiplyAdds: try world.multiplyAdds(of: entrants[leader]))
    var members = [order[0]]
    var soup = number(of: entrant(.checkpoint(order[0])))
    var trials = 0
    for place in order.dropFirst() {
      // The first member may not have been measured on the images that the trials are compared on.
      guard try hasRoom(for: finals[soup] == nil ? work + work : work) else {
        shortages.append(.init(stage: .soup, wanted: order.count - 1, kept: trials))
        break
      }
      let trial = number(of: entrant(.soup((members + [place]).sorted())))
      try measure([soup, trial])
      trials += 1
      if tally(trial).successes > tally(soup).successes {
        // A soup that another one goes beyond is no finalist: it would only add to the luck of the best.
        if members.count > 1 { finals[soup] = nil }
        members = (members + [place]).sorted()
        soup = trial
      } else {
        finals[trial] = nil
      }
    }
    if trials > 0 { note(.soup, tried: trials, since: before) }
  }

  /// Numbers of the leaders, each of another candidate.
  private var leaders: [Int] {
    var seen: Set<Candidate> = []
    return Array(
      ranking.filter { $0 != Self.last && seen.insert(entrants[$0].candidate).inserted }
        .prefix(settings.leaders))
  }

  /// Other resizes of the leaders.
  private func addRefinements() throws {
    let before = world.spent
    let new = leaders.flatMap { leader in
      SearchSpace.refinements(of: entrants[leader].preprocessing).map { preprocessing in
        var other = entrants[leader]
        other.preprocessing = preprocessing
        return other
      }
    }
    let each = plan.selecting.count + (settings.hasBatchNorm ? plan.statisticsImages : 0)
    try add(new, .resize, costs: new.map { ($0, each) }, since: before)
  }

  /// Tunings of the leaders.
  private func addTunings() throws {
    let before = world.spent
    let leaders = leaders
    let new = leaders.flatMap { leader in
      settings.tunings.map { tuning in
        var tuned = entrants[leader]
        tuned.tuning = tuning
        return tuned
      }
    }
    // The features of a leader are made once for all its tunings.
    try add(
      new, .tuning,
      costs: new.map { ($0, plan.selecting.count) } + leaders.map { (entrants[$0], settings.tuningImages) },
      since: before)
  }

  /// Adds entrants to the final if there is room for all of them.
  ///
  /// - Parameters:
  ///   - new: The entrants.
  ///   - kind: Stage that they are of.
  ///   - costs: Numbers of images that pass through networks for them.
  ///   - before: Cost before the stage.
  private func add(
    _ new: [Entrant], _ kind: SearchResult.Stage.Kind, costs: [(entrant: Entrant, images: Int)],
    since before: SearchCost
  ) throws {
    guard !new.isEmpty else { return }
    var work = SearchCost()
    for (entrant, images) in costs {
      work = work + SearchCost.passes(images, multiplyAdds: try world.multiplyAdds(of: entrant))
    }
    guard try hasRoom(for: work) else {
      shortages.append(.init(stage: kind, wanted: new.count, kept: 0))
      return
    }
    try measure(new.map { number(of: $0) })
    note(kind, tried: new.count, since: before)
  }

  // MARK: Budget

  /// The least that an honest answer takes from here on: the final of one entrant and of the last checkpoint, and the scores
  /// of both.
  private func reserve(for entrant: Int) throws -> SearchCost {
    let scored = (plan.method == .half ? plan.scoring.count : 0) + testCount
    let statistics = settings.hasBatchNorm ? plan.statisticsImages : 0
    return SearchCost.passes(
      plan.selecting.count + statistics + scored, multiplyAdds: try world.multiplyAdds(of: entrants[entrant]))
      + SearchCost.passes(
        plan.selecting.count + scored, multiplyAdds: try world.multiplyAdds(of: entrants[Self.last]))
  }

  /// Takes out those for whom the budget has no room.
  ///
  /// - Parameter share: Share of what is left that may be used.
  private func limit(
    _ race: inout SearchRace, images: Int, statistics: Int, share: Double, _ kind: SearchResult.Stage.Kind
  ) throws {
    guard let budget = settings.budget else { return }
    let ranking = race.ranking
    let spent = world.spent
    let least = try reserve(for: ranking[0])
    let base = budget.share(of: least, after: spent, beyond: inherited)
    let bound = base + share * max(0, 1 - base)
    var work = least
    var room = 0
    for entrant in ranking {
      let passes = images + (entrants[entrant].isRecalibrated ? statistics : 0)
      work =
        work + SearchCost.passes(passes, multiplyAdds: try world.multiplyAdds(of: entrants[entrant]))
      // The reserve has the final of one already.
      if budget.share(of: work, after: spent, beyond: inherited) > bound && room >= 1 { break }
      room += 1
    }
    if room < ranking.count {
      shortages.append(.init(stage: kind, wanted: ranking.count, kept: room))
      race.keep(best: room, .budget)
    }
  }

  /// True if the budget has room for work after the final, and for the scores.
  private func hasRoom(for work: SearchCost) throws -> Bool {
    guard let budget = settings.budget, let leader = ranking.first else { return true }
    let scored = (plan.method == .half ? plan.scoring.count : 0) + testCount
    var whole = work
    for entrant in [leader, Self.last] {
      whole = whole + SearchCost.passes(scored, multiplyAdds: try world.multiplyAdds(of: entrants[entrant]))
    }
    return budget.share(of: whole, after: world.spent, beyond: inherited) <= 1
  }

  private func note(
    _ kind: SearchResult.Stage.Kind, _ leader: Int? = nil, _ tally: Proportion? = nil, tried: Int,
    since before: SearchCost
  ) {
    guard let leader = leader ?? ranking.first else { return }
    let now = world.spent
    // A race is over before all have seen the same images.
    let earlier: Double? =
      switch kind {
      case .race: nil
      case .final: finals[Self.last] == nil ? nil : self.tally(Self.last).value
      case .soup, .resize, .tuning: stages.last?.top1.value
      }
    let top1 = tally ?? self.tally(leader)
    let stage = SearchResult.Stage(
      kind: kind, tried: tried, leader: entrants[leader], top1: top1, gain: earlier.map { top1.value - $0 },
      cost: SearchCost(
        images: now.images - before.images, multiplyAdds: now.multiplyAdds - before.multiplyAdds,
        seconds: now.seconds - before.seconds))
    stages.append(stage)
    onStage(stage)
  }

  // MARK: Choice and score

  private func finish() throws -> SearchResult {
    let finalists = finals.keys.sorted()
    let columns = finalists.map { finals[$0]!.isCorrect }
    // Nothing else is taken for being no worse than the last checkpoint.
    let costs = try finalists.map {
      $0 == Self.last ? 0 : Double(try world.multiplyAdds(of: entrants[$0]))
    }
    let choice = try Choice(
      columns, costs: costs, plan: plan,
      level: settings.level, seed: settings.seed)
    let chosen = finalists[choice.chosen]
    var scores: [Score] = []
    switch plan.method {
    case .none: break
    case .half: scores.append(try score(chosen, on: .validation, plan.scoring, name: validationName))
    case .folds(let count):
      let spread = FoldSpread(
        ScoreMatrix(columns: columns.map { $0.map { $0 ? 1 : 0 } }), folds: count, costs: costs,
        reference: finalists.firstIndex(of: Self.last)!, seed: settings.seed)
      scores.append(try foldScore(choice, finalists, spread))
    }
    if testCount > 0 { scores.append(try score(chosen, on: .test, 0..<testCount, name: testName)) }
    let isBetter = scores.last?.isBetter ?? false
    let members = Set(choice.indistinguishable.map { finalists[$0] })
    let rows = entrants.indices.compactMap { number -> SearchResult.Row? in
      let left = race?.eliminations.first { $0.entrant == number }
      let isFinalist = finals[number] != nil
      let seen =
        isFinalist ? tally(number) : race.flatMap { number < $0.entrantCount ? $0.tally(of: number) : nil }
      guard let seen, seen.count > 0 else { return nil }
      return SearchResult.Row(
        entrant: entrants[number], top1: seen, isFinalist: isFinalist,
        isIndistinguishable: members.contains(number), isChosen: number == chosen,
        reason: isFinalist ? nil : left?.reason)
    }
    return SearchResult(
      plan: plan, rows: rows, stages: stages, chosen: entrants[chosen], last: entrants[Self.last],
      optimism: choice.optimism, scores: scores,
      answer: chosen == Self.last ? .last : isBetter ? .better : .notShown, spent: world.spent,
      inherited: inherited, budget: settings.budget, shortages: shortages)
  }

  private func score(
    _ chosen: Int, on set: ImageSet, _ places: Range<Int>, name: String
  ) throws -> Score {
    let both = [entrants[chosen]] + (chosen == Self.last ? [] : [entrants[Self.last]])
    let outcomes = try world.outcomes(
      of: both, on: set, places: places, statisticsImages: plan.statisticsImages)
    let (own, last) = (outcomes[0], outcomes[outcomes.count - 1])
    return Self.score(name, own, last.isCorrect, isLast: chosen == Self.last)
  }

  private func foldScore(_ choice: Choice, _ finalists: [Int], _ spread: FoldSpread) throws -> Score {
    let last = try world.outcomes(
      of: [entrants[Self.last]], on: .validation, places: plan.scoring,
      statisticsImages: plan.statisticsImages)[0]
    var own = EntrantOutcomes(ranks: [], losses: [])
    for place in plan.scoring {
      guard let counted = finals[finalists[choice.counted[place]]] else { continue }
      own.ranks.append(counted.ranks[place])
      own.losses.append(counted.losses[place])
    }
    return Self.score(
      validationName, own, last.isCorrect, isLast: choice.counted.allSatisfy { finalists[$0] == Self.last },
      spread: spread)
  }

  private static func score(
    _ name: String, _ own: EntrantOutcomes, _ last: [Bool], isLast: Bool, spread: FoldSpread? = nil
  ) -> Score {
    let correct = own.isCorrect
    return Score(
      dataset: name, top1: Proportion(successes: correct.count { $0 }, count: correct.count),
      loss: own.meanLoss, last: Proportion(successes: last.count { $0 }, count: last.count),
      comparison: PairedComparison(correct, last), isLast: isLast, spread: spread)
  }
}
