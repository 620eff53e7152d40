import Averaging
import Checkpoint
import Foundation
import ImageData
import ModelSearch
import Platform
import TestSupport
import Testing

/// The averages that a search tries.
@Suite struct CandidateTests {
  let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  private func series(_ values: [Float]) throws -> (Series, Timeline) {
    let names = values.indices.map { "epoch-\($0).safetensors" }
    for (name, value) in zip(names, values) {
      try writeCheckpoint(
        ["w": TensorValue(f32: [value], shape: [1]), "n": TensorValue(i64: [Int64(value)], shape: [])],
        metadata: Metadata(), to: .path(folder.file(name)))
    }
    let series = try Series(names.map { try openCheckpoint(.path(folder.file($0))) })
    return (series, try Timeline(names: names, modelCounts: series.modelCounts))
  }

  private func weights(_ candidate: Candidate, _ values: [Float] = [1, 2, 3, 4]) throws -> [Double] {
    let (series, timeline) = try series(values)
    guard case .linear(let linear) = try candidate.plan(series, timeline).combination else { return [] }
    return linear.weights
  }

  @Test func weightsAreThoseOfTheMethods() throws {
    #expect(try weights(.checkpoint(1)) == [0, 1, 0, 0])
    #expect(try weights(.mean(last: 2)) == [0, 0, 0.5, 0.5])
    #expect(try weights(.soup([0, 3])) == [0.5, 0, 0, 0.5])
    #expect(try weights(.movingAverage(halfLife: 1)) == [0.125, 0.125, 0.25, 0.5])
    let schedule = try weights(.schedule(.linear, last: 2))
    #expect(schedule[..<2] == [0, 0] && abs(schedule[2] - 0.5) < 1e-15 && abs(schedule[3] - 0.5) < 1e-15)
  }

  /// Tensors that are not averaged come from the newest member, not from the newest checkpoint of the series.
  @Test func buffersComeFromTheNewestMember() throws {
    let (series, timeline) = try series([1, 2, 3, 4])
    let plan = try Candidate.soup([0, 2]).plan(series, timeline)
    #expect(plan.latest == 2)
    #expect(Candidate.soup([0, 2]).members(of: 4) == [0, 2])
    #expect(Candidate.mean(last: 3).members(of: 4) == [1, 2, 3])
  }

  @Test func keysDistinguishCandidates() {
    let space = SearchSpace(checkpointCount: 20)
    let keys = space.candidates.map(\.key)
    #expect(Set(keys).count == keys.count)
    #expect(Candidate.movingAverage(halfLife: 0.5).key == "ema:0.5")
    #expect(Candidate.schedule(.inverseSquareRoot, last: 4).key == "schedule:1-sqrt:4")
  }

  @Test func theUsualSpaceFitsTheRun() {
    for count in [1, 2, 3, 10, 100] {
      let space = SearchSpace(checkpointCount: count)
      #expect(space.candidates.first == .checkpoint(count - 1))
      #expect(space.means.allSatisfy { (2...count).contains($0) })
      #expect(count == 1 || space.means.last == count)
      #expect(space.candidates.allSatisfy { $0.members(of: count).allSatisfy((0..<count).contains) })
    }
    #expect(SearchSpace(checkpointCount: 1).candidates == [.checkpoint(0)])
  }

  @Test func sizesKeepTheRecordedRatio() {
    let recorded = Preprocessing(resize: 54, crop: 48)
    let sizes = SearchSpace(checkpointCount: 3).preprocessings(around: recorded)
    #expect(sizes.map(\.crop) == [48, 54, 61, 72])
    #expect(sizes.map(\.resize) == [54, 60, 68, 81])
    #expect(sizes.first == recorded)
    let others = SearchSpace.refinements(of: Preprocessing(resize: 81, crop: 72))
    #expect(others.map(\.resize) == [72, 77] && others.allSatisfy { $0.crop == 72 })
  }

  @Test func aDescriptionNarrowsTheSpace() throws {
    var space = SearchSpace(checkpointCount: 10)
    let text = #"{"means":[3],"half_lives":[1.5],"schedules":[],"singles":0,"soup":false,"crops":[48]}"#
    try space.apply(JSON.parse(Array(text.utf8)), from: "space.json")
    #expect(space.candidates == [.checkpoint(9), .mean(last: 3), .movingAverage(halfLife: 1.5)])
    #expect(!space.hasSoup && space.crops == [48])
    var again = SearchSpace(checkpointCount: 10)
    try again.apply(space.json, from: "space.json")
    #expect(again == space)
  }

  @Test(arguments: [
    #"{"means":[11]}"#, #"{"means":3}"#, #"{"half_lives":[0]}"#, #"{"schedules":["square"]}"#,
    #"{"soup":1}"#, #"{"crops":[]}"#, #"{"mean":[3]}"#, "[]",
  ]) func impossibleDescriptionsAreRefused(_ text: String) throws {
    let json = try JSON.parse(Array(text.utf8))
    #expect(throws: SearchError.self) {
      var space = SearchSpace(checkpointCount: 10)
      try space.apply(json, from: "space.json")
    }
  }
}
