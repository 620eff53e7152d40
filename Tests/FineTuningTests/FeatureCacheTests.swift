import Checkpoint
import Foundation
import Platform
import Statistics
import TestSupport
import Testing

@testable import FineTuning

@Suite struct FeatureCacheTests {
  static let shape = FeatureShape(count: 3, positions: 4, channels: 11, hasResidual: true)

  static func key(_ text: String) -> ContentHash {
    var hash = ContentHash()
    hash.add(text)
    return hash
  }

  static func fill(_ maps: FeatureMaps) throws {
    var generator = SeededGenerator(seed: 5)
    for index in 0..<3 {
      let map = (0..<44).map { _ in Float(generator.normal()) }
      try maps.store(index, map: map, residual: map.map { -$0 })
    }
  }

  static func bytes(_ maps: FeatureMaps) -> [UInt8] { Array(maps.storage.bytes.prefix(maps.shape.byteCount)) }

  func save(in folder: TemporaryFolder) throws -> (cache: FeatureCache, maps: FeatureMaps) {
    let cache = FeatureCache(directory: folder.path, key: Self.key("a"))
    let maps = FeatureMaps(Self.shape, storage: try cache.reserve(Self.shape))
    try Self.fill(maps)
    try cache.save(maps)
    return (cache, maps)
  }

  @Test func comesBackAsItWas() throws {
    let folder = try TemporaryFolder()
    let (cache, maps) = try save(in: folder)
    let loaded = try #require(cache.load())
    #expect(loaded.shape == Self.shape)
    #expect(Self.bytes(loaded) == Self.bytes(maps))
    let memory = try FeatureMaps(Self.shape)
    try Self.fill(memory)
    #expect(Self.bytes(loaded) == Self.bytes(memory))
    #expect(try folder.listing() == [URL(fileURLWithPath: cache.path).lastPathComponent])
  }

  /// Other programs can read it; one that they have written otherwise cannot be mapped.
  @Test func isASafetensorsFile() throws {
    let folder = try TemporaryFolder()
    let (cache, maps) = try save(in: folder)
    let source = try openCheckpoint(.path(cache.path))
    #expect(source.tensors == maps.shape.tensors)
    var tensors: [TensorName: TensorValue] = [:]
    for tensor in source.tensors { tensors[tensor.name] = try source.value(tensor.name) }
    try writeCheckpoint(tensors, metadata: source.metadata, to: .path(cache.path))
    #expect(cache.load() == nil)
  }

  @Test func isAbsentUntilSaved() throws {
    let folder = try TemporaryFolder()
    let cache = FeatureCache(directory: folder.path, key: Self.key("a"))
    _ = try cache.reserve(Self.shape)
    #expect(cache.load() == nil)
    cache.discard()
    #expect(try folder.listing().isEmpty)
  }

  @Test func foreignKeyIsAbsent() throws {
    let folder = try TemporaryFolder()
    let (cache, _) = try save(in: folder)
    let other = FeatureCache(directory: folder.path, key: Self.key("b"))
    try FileManager.default.moveItem(atPath: cache.path, toPath: other.path)
    #expect(other.load() == nil)
  }

  /// One byte changed anywhere in use, or the end missing: never features.
  @Test(arguments: [0, 8, 24, 32, 40, 48, 56, 64, 72, 4096, 4096 + 1000, -1])
  func damagedIsAbsent(_ offset: Int) throws {
    let folder = try TemporaryFolder()
    let (cache, _) = try save(in: folder)
    var file = try Data(contentsOf: URL(fileURLWithPath: cache.path))
    if offset < 0 { file.removeLast() } else { file[offset] ^= 0x41 }
    try file.write(to: URL(fileURLWithPath: cache.path))
    #expect(cache.load() == nil)
  }

  @Test func anUnusableFolderIsAnError() {
    let cache = FeatureCache(directory: "/nonexistent", key: Self.key("a"))
    #expect(throws: TuningError.self) { try cache.reserve(Self.shape) }
    #expect(throws: TuningError.self) { try FeatureStorage.scratch(byteCount: 10, in: "/nonexistent") }
  }

  @Test func scratchLeavesNoName() throws {
    let folder = try TemporaryFolder()
    let maps = FeatureMaps(
      Self.shape, storage: try .scratch(byteCount: Self.shape.byteCount, in: folder.path))
    try Self.fill(maps)
    #expect(try folder.listing().isEmpty)
  }
}

@Suite struct FeatureElementTests {
  /// Every finite half and bfloat16 comes back exactly.
  @Test func decodesEveryPattern() {
    for first in stride(from: 0, to: 65536, by: 8) {
      let bits = SIMD8<UInt16>((0..<8).map { UInt16(first + $0) })
      for lane in 0..<8 {
        let half = Float16(bitPattern: bits[lane])
        if half.isFinite {
          #expect(Float16Lanes(bits: bits).decoded[lane].bitPattern == Float(half).bitPattern)
        }
        let expected = Float(bitPattern: UInt32(bits[lane]) << 16)
        #expect(BFloat16Lanes(bits: bits).decoded[lane].bitPattern == expected.bitPattern)
      }
    }
  }

  @Test func roundsToNearestEven() throws {
    let values: SIMD8<Float> = [1, 1 + 0x1p-8, 1 + 0x1.8p-7, 1 + 0x1.01p-8, -3.1415927, 0, 1e-30, 3e38]
    let stored = try #require(BFloat16Lanes.encode(values)).decoded
    #expect(stored[1] == 1 && stored[2] == 1 + 0x1p-6 && stored[3] == 1 + 0x1p-7 && stored[4] == -3.140625)
    let tie: SIMD8<Float> = [1 + 0x1p-11, 1 + 0x1.8p-10, -65504, 0x1p-24, 0, 0, 0, 0]
    let half = try #require(Float16Lanes.encode(tie)).decoded
    #expect(half[0] == 1 && half[1] == 1 + 0x1p-9 && half[2] == -65504 && half[3] == 0x1p-24)
  }

  @Test func tooLargeIsAnError() throws {
    let maps = try FeatureMaps(
      FeatureShape(count: 1, positions: 1, channels: 1, hasResidual: false, element: .f16))
    #expect(throws: TuningError.featureOverflow(image: 0, element: .f16)) {
      try maps.store(0, map: [65536], residual: nil)
    }
    #expect(BFloat16Lanes.encode(SIMD8(repeating: .greatestFiniteMagnitude)) == nil)
  }

  @Test(arguments: FeatureElement.allCases) func momentsAreThoseOfTheStoredValues(_ element: FeatureElement)
    throws
  {
    let shape = FeatureShape(count: 2, positions: 3, channels: 1, hasResidual: false, element: element)
    let maps = try FeatureMaps(shape)
    try maps.store(0, map: [1, 2, 3], residual: nil)
    try maps.store(1, map: [5, 7, 12], residual: nil)
    let (mean, variance) = maps.moments(of: [0, 1], pool: ThreadPool(threads: 1))
    #expect(mean == [5])
    #expect(abs(variance[0] - 82.0 / 6) < 1e-12)
  }
}
