import Testing

@testable import Evaluation
@testable import ResolutionSweep
@testable import Statistics

@Suite struct SelectionTests {
  private let accurate = SelectionRule(preference: .accuracy, replicates: 200)
  private let cheap = SelectionRule(preference: .cheap, replicates: 200)

  @Test func tiesGoToTheCheaper() throws {
    let scores = ScoreMatrix(columns: [[1, 1, 0], [0, 1, 1], [0, 0, 1]])
    #expect(try Selection(scores, costs: [2, 1, 0], method: .none, rule: accurate, seed: 0).chosen == 1)
    #expect(try Selection(scores, costs: [1, 2, 0], method: .none, rule: accurate, seed: 0).chosen == 0)
    #expect(try Selection(scores, costs: [1, 1, 1], method: .none, rule: accurate, seed: 0).chosen == 0)
  }

  @Test func cheapTakesTheCheapestThatIsNotProvenWorse() throws {
    let right = [Double](repeating: 1, count: 200)
    let close = (0..<200).map { Double($0 < 2 ? 0 : 1) }
    let bad = (0..<200).map { Double($0 < 40 ? 0 : 1) }
    let scores = ScoreMatrix(columns: [right, close, bad])
    #expect(try Selection(scores, costs: [3, 2, 1], method: .none, rule: cheap, seed: 0).chosen == 1)
    #expect(try Selection(scores, costs: [3, 2, 1], method: .none, rule: accurate, seed: 0).chosen == 0)
  }

  @Test func halvesAreDisjointAndCoverEverything() throws {
    let scores = ScoreMatrix(columns: [(0..<101).map { Double($0 % 2) }])
    let selection = try Selection(scores, costs: [1], method: .half, rule: accurate, seed: 5)
    #expect(selection.selectingImages.count == 50)
    #expect(Set(selection.selectingImages + selection.scoringImages) == Set(0..<101))
    let again = try Selection(scores, costs: [1], method: .half, rule: accurate, seed: 5)
    #expect(again == selection)
    let other = try Selection(scores, costs: [1], method: .half, rule: accurate, seed: 6)
    #expect(other.selectingImages != selection.selectingImages)
  }

  /// A setting that wins only by the images it is chosen on must not be credited with them.
  @Test func foldsScoreEachImageByAChoiceMadeWithoutIt() throws {
    // Leaving one image out: without image 0 setting 1 leads, without any other setting 0 leads or ties.
    let scores = ScoreMatrix(columns: [[1, 1, 0], [0, 1, 0]])
    let selection = try Selection(scores, costs: [2, 1], method: .folds(3), rule: accurate, seed: 0)
    #expect(selection.chosen == 0)
    // Without image 0 the two tie on the rest, and the tie goes to the cheaper.
    #expect(selection.scoredSetting == [1, 0, 0])
    #expect(abs(selection.score(scores) - 1.0 / 3) < 1e-15)
  }

  @Test func tooFewImagesAreRefused() {
    let scores = ScoreMatrix(columns: [[1]])
    #expect(throws: SweepError.tooFewImages(count: 1, needed: 2)) {
      try Selection(scores, costs: [1], method: .half, rule: accurate, seed: 0)
    }
    #expect(throws: SweepError.tooFewImages(count: 1, needed: 5)) {
      try Selection(scores, costs: [1], method: .folds(5), rule: accurate, seed: 0)
    }
  }

  @Test func methodsReadAndWriteTheirNames() {
    for name in ["none", "half", "kfold:5"] { #expect(SelectionMethod(name)?.name == name) }
    for name in ["", "kfold", "kfold:", "kfold:1", "kfold:x", "Half"] {
      #expect(SelectionMethod(name) == nil)
    }
  }

  /// Estimated and real optimism of a rule in two scores, means over drawn grids.
  ///
  /// - Parameters:
  ///   - accuracies: true ones, from the most expensive setting to the cheapest.
  ///   - draw: the other score, given whether the image is right.
  private func optimism(
    _ preference: Preference, accuracies: [Double], images: Int = 200, grids: Int = 120,
    other: (Bool, inout SeededGenerator) -> Double = { right, _ in right ? 1 : 0 }
  ) -> (estimated: [Double], real: [Double]) {
    var (estimated, real) = ([0.0, 0.0], [0.0, 0.0])
    let costs = accuracies.indices.map { Double(accuracies.count - $0) }
    for grid in 0..<grids {
      var generator = SeededGenerator(seed: UInt64(grid), for: "grid")
      var columns = [[[Double]]](repeating: accuracies.map { _ in [] }, count: 2)
      for (setting, accuracy) in accuracies.enumerated() {
        for _ in 0..<images {
          let right = generator.uniform() < accuracy
          columns[0][setting].append(right ? 1 : 0)
          columns[1][setting].append(other(right, &generator))
        }
      }
      let scores = columns.map(ScoreMatrix.init(columns:))
      let rule = SelectionRule(preference: preference, replicates: 200)
      let set = ConfidenceSet(scores[0], replicates: 200, generator: &generator)
      let chosen = rule.choose(scores[0], costs: costs, confidenceSet: set, generator: &generator)
      let bias = selectionOptimism(
        of: rule, by: scores[0], shown: scores, costs: costs, set: set, repeats: 20, generator: &generator)
      for shown in 0..<2 {
        estimated[shown] += (bias?[shown] ?? .nan) / Double(grids)
        // The other score has the same mean as the first.
        real[shown] += (scores[shown].means[chosen] - accuracies[chosen]) / Double(grids)
      }
    }
    return (estimated, real)
  }

  /// Equal settings: the winner's lead is all luck, which the estimate finds on average.
  @Test func optimismOfEqualSettingsIsTheirLuck() {
    let (estimated, real) = optimism(.accuracy, accuracies: Array(repeating: 0.9, count: 8))
    #expect(abs(estimated[0] / real[0] - 1) < 0.15)
    #expect(real[0] > 0.02)
  }

  /// The cheapest setting that is not proven worse owes little to luck, however many others there are.
  @Test func aCheapChoiceIsFlatteredLess() {
    let (estimated, real) = optimism(.cheap, accuracies: Array(repeating: 0.9, count: 8))
    let (best, _) = optimism(.accuracy, accuracies: Array(repeating: 0.9, count: 8))
    #expect(abs(estimated[0] - real[0]) < 0.004)
    #expect(estimated[0] < 0.5 * best[0])
  }

  /// A score that has nothing to do with the one that chose is not flattered by the choice.
  @Test func optimismBelongsToTheScoreShown() {
    let (estimated, real) = optimism(.accuracy, accuracies: Array(repeating: 0.5, count: 8)) { _, generator in
      generator.uniform() < 0.5 ? 1 : 0
    }
    #expect(abs(estimated[0] / real[0] - 1) < 0.15)
    #expect(abs(real[1]) < 0.012 && estimated[1] < 0.25 * estimated[0])
  }

  @Test func aClearWinnerIsNotFlattered() {
    let (estimated, real) = optimism(.accuracy, accuracies: [0.95, 0.6, 0.6, 0.6])
    #expect(abs(estimated[0]) < 0.001 && abs(real[0]) < 0.005)
  }

  @Test func nothingToChooseFromIsNotFlattered() throws {
    let one = ScoreMatrix(columns: [[1, 0, 1]])
    #expect(try Selection(one, costs: [1], method: .none, rule: accurate, seed: 0).optimism == 0)
    let same = ScoreMatrix(columns: [[1, 0, 1], [1, 0, 1]])
    #expect(try Selection(same, costs: [1, 1], method: .none, rule: accurate, seed: 0).optimism == 0)
  }

  @Test func oneImageTellsNothingOfItsFlattery() throws {
    let scores = ScoreMatrix(columns: [[1], [0]])
    let selection = try Selection(scores, costs: [1, 1], method: .none, rule: accurate, seed: 0)
    #expect(selection.optimism == nil)
    #expect(selection.confidenceSet.members == [0, 1])
    #expect(try Selection(scores, costs: [2, 1], method: .none, rule: cheap, seed: 0).chosen == 1)
  }

  @Test func foldsOfOneImageEachLeaveOneOut() throws {
    let scores = ScoreMatrix(columns: [[1, 0, 1], [0, 1, 0]])
    let selection = try Selection(scores, costs: [1, 1], method: .folds(3), rule: accurate, seed: 0)
    #expect(selection.chosen == 0)
    #expect(selection.scoringImages == [0, 1, 2])
    #expect(abs(selection.score(scores) - 2.0 / 3) < 1e-15)
  }
}
