import Checkpoint
import Platform
import Statistics
import TestSupport
import Testing

@testable import BatchNormCalibration

@Suite struct StatisticsPartTests {
  static let layers = [(name: "bn1", channels: 2), (name: "layer1.0.bn2", channels: 1)]

  func part(_ index: Int, of count: Int, batches total: Int = 5, model: String = "crc32:00000001")
    -> StatisticsPart
  {
    let shard = Shard(index: index, count: count)!
    let recipe = StatisticsPart.Recipe(
      model: model, batchCount: total, options: .object([("images", JSON(total * 4))]),
      recorded: ["ckpt.crop": "64"])
    let batches = shard.items(of: total).map { batch in
      BatchMoments(
        batch: batch, imageCount: 4,
        layers: [
          ChannelMoments(count: 16, mean: [Double(batch), 0.1], m2: [2, Double(batch) / 3]),
          ChannelMoments(count: 4, mean: [-1], m2: [0]),
        ])
    }
    return StatisticsPart(shard: shard, recipe: recipe, batches: batches)
  }

  @Test func survivesItsFile() throws {
    let folder = try TemporaryFolder()
    for index in 0..<7 {
      let original = part(index, of: 7)
      let (tensors, metadata) = try original.encoded(layers: Self.layers.map(\.name))
      try writeCheckpoint(tensors, metadata: metadata, to: .path(folder.file("part")))
      let read = try StatisticsPart(reading: openCheckpoint(.path(folder.file("part"))), layers: Self.layers)
      #expect(read.shard == original.shard)
      #expect(read.recipe == original.recipe)
      #expect(read.batches == original.batches)
    }
  }

  @Test func mergesInTheOrderOfTheData() throws {
    let merged = try StatisticsPart.merge([2, 0, 1].map { ("part-\($0)", part($0, of: 3)) })
    #expect(merged == part(0, of: 1).batches)
  }

  @Test func namesMissingShards() {
    #expect(throws: PartError.missing(["1/4", "3/4"])) {
      try StatisticsPart.merge([("a", part(0, of: 4)), ("b", part(2, of: 4))])
    }
  }

  @Test func namesDuplicates() {
    #expect(throws: PartError.duplicate("b", "a", "0/2")) {
      try StatisticsPart.merge([("a", part(0, of: 2)), ("b", part(0, of: 2))])
    }
  }

  @Test func namesForeignParts() {
    let strangers = [part(1, of: 3), part(1, of: 2, batches: 6), part(1, of: 2, model: "crc32:00000002")]
    for stranger in strangers {
      #expect {
        try StatisticsPart.merge([("a", part(0, of: 2)), ("b", stranger)])
      } throws: {
        guard case .foreign("b", "a", _, _) = $0 as? PartError else { return false }
        return true
      }
    }
  }

  @Test func refusesOtherFiles() throws {
    let checkpoint = try openCheckpoint(.path(try #require(try Fixtures.series().first)))
    #expect {
      try StatisticsPart(reading: checkpoint, layers: Self.layers)
    } throws: {
      guard case .malformed = $0 as? PartError else { return false }
      return true
    }
  }
}
