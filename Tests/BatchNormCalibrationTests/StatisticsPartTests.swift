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

  /// What a file claims is bounded by what it holds, and no moments but those of images are merged.
  @Test func refusesImpossibleMoments() throws {
    let folder = try TemporaryFolder()
    let (good, metadata) = try part(0, of: 2).encoded(layers: Self.layers.map(\.name))
    func problem(_ name: TensorName, _ value: TensorValue?, _ header: String? = nil) throws -> String? {
      var (tensors, metadata) = (good, metadata)
      tensors[name] = value
      if let header { metadata[StatisticsPart.metadataKey] = header }
      try writeCheckpoint(tensors, metadata: metadata, to: .path(folder.file("p")))
      do {
        _ = try StatisticsPart(reading: openCheckpoint(.path(folder.file("p"))), layers: Self.layers)
        return nil
      } catch PartError.malformed(_, let problem) { return problem }
    }
    func f64(_ values: [Double], _ shape: [Int]) throws -> TensorValue {
      try TensorValue(doubles: values, shape: shape, dtype: .f64)
    }
    #expect(try problem("bn1.m2", good["bn1.m2"]) == nil)
    for value in [Double.nan, .infinity, -.infinity, -1] {
      #expect(
        try problem("bn1.m2", f64([value, 0, 0, 0, 0, 0], [3, 2]))
          == "tensor \"bn1.m2\" holds the impossible \(value)")
    }
    #expect(
      try problem("bn1.mean", f64([.nan, 0, 0, 0, 0, 0], [3, 2]))
        == "tensor \"bn1.mean\" holds the impossible nan")
    for value in [0, 1, -16, 16.5, .nan, 1e300 * 10] {
      #expect(try problem("bn1.count", f64([16, value, 16], [3])) != nil, "\(value)")
    }
    #expect(
      try problem("bn1.count", f64([16, 18, 16], [3])) == "layer \"bn1\" has 18.0 values of 4 images")
    for value in [0, -1, Int64.max] {
      let images = TensorValue(i64: [4, value, 4], shape: [3])
      #expect(try problem("images", images) == "tensor \"images\" holds the impossible \(value)")
    }
    #expect(
      try problem("batch", f64([0, .nan, 4], [3])) == "tensor \"batch\": expected I64 [3], found F64 [3]")
    #expect(
      try problem("bn1.m2", f64([0, 0, 0, 0, 0, 0], [2, 3]))
        == "tensor \"bn1.m2\": expected F64 [3, 2], found F64 [2, 3]")
    #expect(try problem("images", nil) == "no tensor \"images\"")
    // A billion batches, or as many shards as there are numbers.
    let text = try #require(metadata[StatisticsPart.metadataKey])
    #expect(
      try problem("bn1.m2", good["bn1.m2"], text.replacing("\"batches\":5", with: "\"batches\":1000000000"))
        == "tensor \"batch\": expected I64 [500000000], found I64 [3]")
  }

  @Test func countsShardsThatWereNeverMeasured() {
    let part = part(0, of: Int.max)
    #expect(
      throws: PartError.missing((1...16).map { "\($0)/\(Int.max)" })
    ) { try StatisticsPart.merge([("a", part)]) }
  }
}
