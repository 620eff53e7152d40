import Checkpoint
import ConvNet
import Foundation
import TensorMath
import Testing

/// Small networks of every family against PyTorch's float64 logits; `Tests/Interop/make_goldens.py` wrote the files.
struct FamilyGoldenTests {
  struct Golden: Sendable, CustomTestStringConvertible {
    let testDescription: String
    let json: JSON
  }

  static let goldens: [Golden] = {
    let directory = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent(
      "Goldens")
    let files = try! FileManager.default.contentsOfDirectory(at: directory, includingPropertiesForKeys: nil)
    return files.filter { $0.pathExtension == "json" }.sorted { $0.path < $1.path }.map { file in
      Golden(
        testDescription: file.deletingPathExtension().lastPathComponent,
        json: try! JSON.parse([UInt8](Data(contentsOf: file))))
    }
  }()

  @Test func everyFamilyIsThere() {
    #expect(Self.goldens.count >= 18)
  }

  @Test(arguments: goldens)
  func logits(golden: Golden) throws {
    let json = golden.json
    let tensors = try #require(json["tensors"]?.arrayValue).enumerated().map { seed, entry in
      let pair = try #require(entry.arrayValue)
      let name = try #require(pair[0].stringValue)
      let shape = try #require(pair[1].arrayValue).map { try #require(Self.number($0)) }.map { Int($0) }
      return (TensorName(name), TensorValue(f32: Self.values(name, shape, seed: UInt64(seed)), shape: shape))
    }
    let checkpoint = MemoryCheckpoint(Dictionary(uniqueKeysWithValues: tensors))
    let network = try Network(
      checkpoint, architecture: json["architecture"]?.stringValue, pool: ThreadPool(threads: 2))
    let height = Int(try #require(json["height"].flatMap(Self.number)))
    let width = Int(try #require(json["width"].flatMap(Self.number)))
    let pixels = Self.uniform(2 * height * width * 3, seed: 1_000_000).map { Float(2 * $0 - 1) }
    let input = Tensor(shape: [2, height, width, 3], values: pixels)
    func expected(_ key: String) throws -> [Double] {
      try #require(json[key]?.arrayValue).map { try #require(Self.number($0)) }
    }
    #expect(ResNetTests.error(try network.logits(input).values, try expected("logits")) < 1e-5)
    let batch = try network.forwardWithBatchStatistics(input) { _, _ in }
    #expect(ResNetTests.error(batch.values, try expected("batch_logits")) < 1e-4)
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
