import Checkpoint
import Foundation
import Statistics
import TensorMath
import TestSupport
import Testing

@testable import NetworkGraphs

/// A small network of some family, its weights drawn from a seed, and PyTorch's float64 logits for it.
struct FamilyGolden: Sendable, CustomTestStringConvertible {
  let testDescription: String
  let json: JSON

  /// All files that `fixtures/goldens/NetworkGraphs/make_family_goldens.py` wrote.
  static let all: [FamilyGolden] = {
    let directory = Fixtures.root.appendingPathComponent("goldens/NetworkGraphs")
    let files = try! FileManager.default.contentsOfDirectory(at: directory, includingPropertiesForKeys: nil)
    return files.filter { $0.pathExtension == "json" }.sorted { $0.path < $1.path }.map { file in
      FamilyGolden(
        testDescription: file.deletingPathExtension().lastPathComponent,
        json: try! JSON.parse([UInt8](Data(contentsOf: file))))
    }
  }()

  var architecture: String? { json["architecture"]?.stringValue }

  func description() throws -> NetworkDescription { try description(of: checkpoint()) }

  /// The network of a checkpoint: recognized, or of a family that has published layouts alone with the file's settings.
  func description(of checkpoint: MemoryCheckpoint) throws -> NetworkDescription {
    guard let family = json["family"]?.stringValue, let settings = json["settings"]?.stringValue else {
      return try NetworkDescription(checkpoint, architecture: architecture)
    }
    let type = try #require(
      ArchitectureRegistry.families.compactMap { $0 as? any TabulatedArchitecture.Type }
        .first { "\($0)" == family })
    let table = PublishedTable(heads: [], "small 0 \(settings)")
    return try NetworkDescription(
      checkpoint, as: type.init(published: Published(row: table.rows[0])), state: StateDict(checkpoint),
      requested: nil)
  }

  func checkpoint() throws -> MemoryCheckpoint {
    let tensors = try #require(json["tensors"]?.arrayValue).enumerated().map { seed, entry in
      let pair = try #require(entry.arrayValue)
      let name = try #require(pair[0].stringValue)
      let shape = try #require(pair[1].arrayValue).map { try #require(Self.number($0)) }.map { Int($0) }
      return (TensorName(name), TensorValue(f32: Self.values(name, shape, seed: UInt64(seed)), shape: shape))
    }
    return MemoryCheckpoint(Dictionary(uniqueKeysWithValues: tensors))
  }

  /// As many images as asked for; the first two are PyTorch's.
  func input(images: Int = 2) throws -> Tensor {
    let height = Int(try #require(json["height"].flatMap(Self.number)))
    let width = Int(try #require(json["width"].flatMap(Self.number)))
    let pixels = Self.uniform(images * height * width * 3, seed: 1_000_000).map { Float(2 * $0 - 1) }
    return Tensor(shape: [images, height, width, 3], values: pixels)
  }

  func expected(_ key: String) throws -> [Double] {
    try #require(json[key]?.arrayValue).map { try #require(Self.number($0)) }
  }

  private static func number(_ json: JSON) -> Double? {
    if case .number(let text) = json { Double(text) } else { nil }
  }

  private static func uniform(_ count: Int, seed: UInt64) -> [Double] {
    var generator = SeededGenerator(seed: seed)
    return (0..<count).map { _ in generator.uniform() }
  }

  private static func values(_ name: String, _ shape: [Int], seed: UInt64) -> [Float] {
    let (low, high): (Double, Double)
    if name.hasSuffix(".running_var") {
      (low, high) = (0.5, 2)
    } else if name.hasSuffix(".running_mean") {
      (low, high) = (-0.3, 0.3)
    } else if name.hasSuffix(".bias") {
      (low, high) = (-0.2, 0.2)
    } else if shape.count == 1 {
      (low, high) = (0.5, 1)
    } else {
      high = (6 / Double(shape.dropFirst().reduce(1, *))).squareRoot()
      low = -high
    }
    return uniform(shape.reduce(1, *), seed: seed).map { Float(low + (high - low) * $0) }
  }
}
