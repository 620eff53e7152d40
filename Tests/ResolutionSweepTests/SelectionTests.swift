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

  /// Equal settings: the winner's lead is all luck, which the estimate finds on average.
  @Test func optimismOfEqualSettingsIsTheirLuck() {
    var estimated = 0.0
    var real = 0.0
    for seed in 0..<100 {
      var generator = SeededGenerator(seed: UInt64(seed))
      let columns = (0..<8).map { _ in (0..<200).map { _ in generator.uniform() < 0.9 ? 1.0 : 0.0 } }
      let scores = ScoreMatrix(columns: columns)
      real += scores.means.max()! - 0.9
      estimated +=
        selectionOptimism(
          scores, costs: Array(repeating: 1, count: 8), repeats: 20, generator: &generator) ?? .nan
    }
    #expect(abs(estimated / real - 1) < 0.25)
    #expect(real > 1)
  }

  @Test func nothingToChooseFromIsNotFlattered() {
    var generator = SeededGenerator(seed: 0)
    let one = ScoreMatrix(columns: [[1, 0, 1]])
    #expect(selectionOptimism(one, costs: [1], generator: &generator) == 0)
    let same = ScoreMatrix(columns: [[1, 0, 1], [1, 0, 1]])
    #expect(selectionOptimism(same, costs: [1, 1], generator: &generator) == 0)
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
