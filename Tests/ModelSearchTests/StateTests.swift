import Checkpoint
import Foundation
import ImageData
import Platform
import TestSupport
import Testing

@testable import ModelSearch

/// States of searches.
@Suite struct StateTests {
  let folder: TemporaryFolder
  private let recipe = JSON.object([("checkpoints", .array([.string("crc32:00000000")])), ("seed", JSON(0))])

  init() throws { folder = try TemporaryFolder() }

  private func entrant(_ last: Int) -> Entrant {
    Entrant(
      candidate: .mean(last: last), preprocessing: Preprocessing(resize: 54, crop: 48), isRecalibrated: true)
  }

  private func board(_ last: Int, places: Range<Int>, rank: Int32 = 0) -> Scoreboard {
    var board = Scoreboard(validationCount: 10, testCount: 4)
    board.record(
      Scoreboard.key(of: entrant(last), on: .validation, statisticsImages: 128), places,
      ranks: places.map { _ in rank }, losses: places.map { Double($0) })
    board.spent = SearchCost(images: places.count, multiplyAdds: 1e6, seconds: 2)
    return board
  }

  private func write(_ state: SearchState, _ name: String) throws -> any CheckpointSource {
    let (tensors, metadata) = try state.encoded()
    try writeCheckpoint(tensors, metadata: metadata, to: .path(folder.file(name)))
    return try openCheckpoint(.path(folder.file(name)))
  }

  private var empty: Scoreboard { Scoreboard(validationCount: 10, testCount: 4) }

  @Test func statesReadBack() throws {
    let state = SearchState(recipe: recipe, shard: nil, board: board(3, places: 2..<7))
    let source = try write(state, "state")
    let again = try SearchState(reading: source, recipe: recipe, empty: empty)
    #expect(again.board == state.board && again.shard == nil)
    let key = Scoreboard.key(of: entrant(3), on: .validation, statisticsImages: 128)
    #expect(again.board.missing(key, 0..<10) == [0, 1, 7, 8, 9])
    #expect(again.board.outcomes(key, 2..<7)?.losses == [2, 3, 4, 5, 6])
    #expect(again.board.outcomes(key, 1..<7) == nil)
  }

  @Test func statesOfOtherSearchesAreRefused() throws {
    let source = try write(
      SearchState(recipe: recipe, shard: nil, board: board(3, places: 0..<10)), "state")
    let other = JSON.object([("checkpoints", .array([.string("crc32:00000000")])), ("seed", JSON(1))])
    let error = #expect(throws: SearchError.self) {
      try SearchState(reading: source, recipe: other, empty: self.empty)
    }
    #expect(error?.description.contains("another \"seed\"") ?? false)
    #expect(throws: SearchError.self) {
      try SearchState(
        reading: source, recipe: self.recipe, empty: Scoreboard(validationCount: 11, testCount: 4))
    }
  }

  @Test func shardsAreMergedWhateverTheirOrder() throws {
    let states = (0..<2).map { index in
      (
        name: "state-\(index)",
        state: SearchState(
          recipe: recipe, shard: Shard(index: index, count: 2),
          board: board(3 + index, places: 0..<5, rank: Int32(index)))
      )
    }
    let merged = try SearchState.merged(states.reversed())
    #expect(merged.board.sheets.count == 2 && merged.board.spent.images == 10)
    #expect(throws: SearchError.incompleteStates("shard 1 of 2 is missing")) {
      try SearchState.merged([states[0]])
    }
    #expect(throws: SearchError.self) { try SearchState.merged([states[0], states[0]]) }
  }
}
