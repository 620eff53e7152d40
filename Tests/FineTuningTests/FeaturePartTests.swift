import Checkpoint
import Foundation
import ImageData
import Platform
import Statistics
import TestSupport
import Testing

@testable import FineTuning

@Suite struct FeaturePartTests {
  static let images = 5
  static let views = 2
  static let classes = 4
  static let labels = [3, 0, 2, 1, 3]
  static let recipe = FeatureRecipe([("preprocessing", "crop 48"), ("seed", "0")])

  let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  static func shape(_ element: FeatureElement, count: Int) -> FeatureShape {
    FeatureShape(count: count, positions: 4, channels: 11, hasResidual: true, element: element)
  }

  /// Stores the features of a view, which are the same in every process.
  static func store(_ view: Int, in maps: FeatureMaps, at place: Int) throws {
    var generator = SeededGenerator(seed: UInt64(view))
    let map = (0..<44).map { _ in Float(generator.normal()) }
    try maps.store(place, map: map, residual: map.map { -$0 })
  }

  static func teacherLogits(of images: [Int]) -> [Float] {
    images.flatMap { image in (0..<views * classes).map { Float(100 * image + $0) } }
  }

  /// The features of all images.
  static func whole(_ element: FeatureElement) throws -> FeatureMaps {
    let maps = try FeatureMaps(shape(element, count: images * views))
    for view in 0..<images * views { try store(view, in: maps, at: view) }
    return maps
  }

  /// Paths of the parts of all shards.
  func write(
    shards: Int, element: FeatureElement = .f32, recipe: FeatureRecipe = Self.recipe, as name: String = "part"
  ) throws -> [String] {
    try (0..<shards).map { index in
      let shard = try #require(Shard(index: index, count: shards))
      let own = shard.items(of: Self.images)
      let part = FeaturePart(
        shard: shard, imageCount: Self.images, views: Self.views, recipe: recipe,
        recorded: .object([("data", .string("train"))]), labels: own.map { Self.labels[$0] },
        classes: Self.classes, teacherLogits: Self.teacherLogits(of: own))
      let path = folder.file("\(name)-\(index)-of-\(shards)")
      let shape = Self.shape(element, count: own.count * Self.views)
      let maps = FeatureMaps(shape, storage: try part.reserve(shape, at: path))
      for (place, image) in own.enumerated() {
        for view in 0..<Self.views {
          try Self.store(image * Self.views + view, in: maps, at: place * Self.views + view)
        }
      }
      try part.save(maps, at: path)
      return path
    }
  }

  func read(_ path: String, element: FeatureElement = .f32) throws -> FeaturePart {
    try FeaturePart(
      reading: openCheckpoint(.path(path)), of: Self.recipe, like: Self.shape(element, count: 1),
      views: Self.views, classes: Self.classes, hasTeacher: true)
  }

  func joined(_ paths: [String], element: FeatureElement = .f32) throws -> LabelledFeatures {
    let parts = try paths.map { try read($0, element: element) }
    try FeaturePart.check(parts)
    return try FeaturePart.joined(parts) { try .memory(byteCount: $0.byteCount) }
  }

  func problem(_ body: () throws -> Void) -> String {
    do {
      try body()
      return ""
    } catch {
      return "\(error)"
    }
  }

  /// Seven shards of five images: two have none.
  @Test(arguments: FeatureElement.allCases, [1, 3, 7])
  func joinToTheFeaturesOfOneProcess(_ element: FeatureElement, _ shards: Int) throws {
    let paths = try write(shards: shards, element: element)
    let samples = try joined(paths.reversed(), element: element)
    #expect(samples.features.shape == Self.shape(element, count: Self.images * Self.views))
    #expect(try FeatureCacheTests.bytes(samples.features) == FeatureCacheTests.bytes(Self.whole(element)))
    #expect(samples.labels == Self.labels && samples.views == Self.views)
    #expect(samples.teacherLogits == Self.teacherLogits(of: Array(0..<Self.images)))
    // Nothing is left besides the parts.
    #expect(try folder.listing().count == shards)
  }

  @Test func areSafetensorsWhoseDataBeginAtAPage() throws {
    let source = try openCheckpoint(.path(write(shards: 2)[0]))
    #expect(source.tensors.map(\.name) == ["features", "mean", "m2", "labels", "teacher"])
    #expect(try #require(source.placement(of: "features")).offset == FeatureStorage.pageSize)
    #expect(source.spec("features")?.shape == [6, 2, 8, 8])
  }

  /// As after a copy by other programs, which order tensors otherwise.
  @Test func readWhatIsNotWhereItWas() throws {
    let paths = try write(shards: 2)
    for path in paths {
      let source = try openCheckpoint(.path(path))
      var tensors: [TensorName: TensorValue] = [:]
      for tensor in source.tensors { tensors[tensor.name] = try source.value(tensor.name) }
      try writeCheckpoint(tensors, metadata: source.metadata, to: .path(path))
      #expect(try openCheckpoint(.path(path)).tensors.map(\.name) != source.tensors.map(\.name))
    }
    #expect(
      try FeatureCacheTests.bytes(joined(paths).features) == FeatureCacheTests.bytes(Self.whole(.f32)))
  }

  @Test func refusesPartsThatDoNotBelongTogether() throws {
    let (two, three) = try (write(shards: 2), write(shards: 3))
    #expect(problem { _ = try joined([three[0], three[2]]) } == "parts missing for shard 1/3")
    #expect(
      problem { _ = try joined([three[0], three[1], three[1]]) }
        == "\(three[1]): is shard 1/3 again, as \(three[1])")
    #expect(
      problem { _ = try joined([three[0], two[1]]) }
        == "\(two[1]): is one of 2 shares, \(three[0]) one of 3")
    let first = try write(shards: 2, recipe: Self.recipe.adding([("images", "a")]), as: "first")
    let other = try write(shards: 2, recipe: Self.recipe.adding([("images", "b")]), as: "other")
    #expect(
      problem { _ = try joined([first[0], other[1]]) }
        == "\(other[1]): its features differ from those of \(first[0]) in images: expected \"a\", found \"b\""
    )
  }

  @Test func refusesOtherFeatures() throws {
    let seed = FeatureRecipe([("preprocessing", "crop 48"), ("seed", "1")])
    let foreign = try write(shards: 1, recipe: seed, as: "foreign")[0]
    #expect(
      problem { _ = try read(foreign) }
        == "\(foreign): its features differ in seed: expected \"0\", found \"1\"")
    let none = try write(shards: 1, recipe: FeatureRecipe([("seed", "0")]), as: "none")[0]
    #expect(problem { _ = try read(none) }.hasSuffix("expected \"crop 48\", found none"))
    let half = try write(shards: 1, element: .f16, as: "half")[0]
    #expect(
      problem { _ = try read(half) }.contains("expected features f32 [4, 11] and a residual, found f16"))
    let part = try read(write(shards: 1)[0])
    #expect(problem { try part.check(FeatureRecipe([("seed", "0")])) } == "")
    #expect(problem { try part.check(FeatureRecipe([("teacher", "none")])) }.contains("differ in teacher"))
  }

  /// A byte of each kind of data; the header is compared with the tensors.
  @Test(arguments: [0, 100, 2 * 2 * 8 * 8 * 4 * 5 - 4]) func refusesDamage(_ offset: Int) throws {
    let path = try write(shards: 1)[0]
    var file = try Data(contentsOf: URL(fileURLWithPath: path))
    file[FeatureStorage.pageSize + offset] ^= 1
    try file.write(to: URL(fileURLWithPath: path))
    #expect(problem { _ = try joined([path]) }.hasPrefix("\(path): is damaged"))
    try file.dropLast().write(to: URL(fileURLWithPath: path))
    #expect(problem { _ = try joined([path]) } != "")
  }

  @Test func aFeatureThatIsNoNumberIsFound() throws {
    let maps = try FeatureMaps(
      FeatureShape(count: 2, positions: 1, channels: 9, hasResidual: false, element: .f32))
    for image in 0..<2 {
      var map = [Float](repeating: 1, count: 9)
      if image == 1 { map[8] = .nan }
      try maps.store(image, map: map, residual: nil)
    }
    #expect(maps.restoreMoments(of: 0) && !maps.restoreMoments(of: 1))
  }
}

@Suite struct ClassifierInputsTests {
  static let wanted = ClassifierInputs.Origin(
    checkpoint: "crc32:1", preprocessing: .imageNet, classes: 3)
  static let header = [
    "model": "\"crc32:1\"", "classes": "3", "views": "\"center\"", "batchnorm": "\"stored\"",
  ]

  let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  /// Reads a file of two images and two features that is made with some changes.
  func inputs(
    header changes: [String: String] = [:], features: [Float] = [1, 2, 3, 4], labels: [Int64] = [2, 0],
    metadata others: [String: String?] = [:], channels: Int = 2
  ) throws -> ClassifierInputs {
    let members = Self.header.merging(changes) { $1 }.map { "\"\($0)\":\($1)" }.joined(separator: ",")
    var metadata = Metadata()
    for (key, value) in Preprocessing.imageNet.metadataEntries { metadata[key] = value }
    metadata[MetadataKey.features] = "{\(members)}"
    metadata[MetadataKey.classes] = #"["a","b","c"]"#
    for (key, value) in others { metadata[key] = value }
    let path = folder.file("features.safetensors")
    try writeCheckpoint(
      [
        "features": TensorValue(f32: features, shape: [2, features.count / 2]),
        "labels": TensorValue(i64: labels, shape: [labels.count]),
      ], metadata: metadata, to: .path(path))
    return try ClassifierInputs(
      reading: openCheckpoint(.path(path)), channels: channels, of: Self.wanted)
  }

  @Test func readsFeaturesAsMapsOfOnePosition() throws {
    let read = try inputs()
    #expect(read.labels == [2, 0] && read.classNames == ["a", "b", "c"] && read.recordsCheckpoint)
    let samples = try read.features { try .memory(byteCount: $0.byteCount) }
    #expect(samples.labels == [2, 0] && samples.views == 1 && samples.teacherLogits == nil)
    #expect(
      samples.features.shape == FeatureShape(count: 2, positions: 1, channels: 2, hasResidual: false))
    let expected = try FeatureMaps(samples.features.shape)
    try expected.store(0, map: [1, 2], residual: nil)
    try expected.store(1, map: [3, 4], residual: nil)
    #expect(FeatureCacheTests.bytes(samples.features) == FeatureCacheTests.bytes(expected))
    #expect(try !inputs(metadata: [MetadataKey.features: nil]).recordsCheckpoint)
  }

  static let foreign: [(change: [String: String], problem: String)] = [
    (["model": "\"crc32:2\""], "another checkpoint"), (["classes": "4"], "labels of 4 classes"),
    (["views": "\"ten\""], "several crops"), (["batchnorm": "\"recalibrated\""], "BatchNorm statistics"),
    (["classes": "1e300"], "is damaged"), (["views": "0"], "is damaged"), (["shard": "0"], "one share"),
  ]

  @Test(arguments: foreign) func refusesFeaturesOfAnotherOrigin(
    _ change: [String: String], _ problem: String
  ) throws {
    #expect { try inputs(header: change) } throws: { "\($0)".contains(problem) }
  }

  @Test func refusesOtherPreprocessing() throws {
    #expect { try inputs(metadata: [MetadataKey.crop: "192"]) } throws: {
      "\($0)".contains("expected ckpt.crop 224, found 192")
    }
    let none = Preprocessing.imageNet.metadataEntries.mapValues { _ in String?.none }
    #expect { try inputs(metadata: none) } throws: { "\($0)".contains("does not record") }
  }

  @Test func refusesImpossibleNumbers() throws {
    for labels: [Int64] in [[3, 0], [-1, 0], [.max, 0], [0]] {
      #expect(throws: TuningError.self) { try inputs(labels: labels) }
    }
    #expect(throws: TuningError.self) { try inputs(channels: 3) }
    let infinite = try inputs(features: [1, 2, .infinity, 4])
    #expect { try infinite.features { try .memory(byteCount: $0.byteCount) } } throws: {
      "\($0)".contains("feature 0 of image 1 is inf")
    }
  }
}
