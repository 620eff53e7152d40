import Checkpoint
import Foundation
import Platform
import Statistics
import TensorMath
import TestSupport
import Testing

@testable import NetworkExecution
@testable import NetworkGraphs

/// Networks that PyTorch exported, with their own weights, against PyTorch's float64 logits;
/// `fixtures/goldens/NetworkGraphs/make_onnx_goldens.py` wrote the files.
struct ONNXGoldenTests {
  static let names =
    [
      "mobile-torchscript-11", "mobile-dynamo-20", "mixed-torchscript-17", "mixed-dynamo-18",
      "mixed-external",
    ]
    + ["tokens", "windows", "norms"].flatMap { kind in
      ["torchscript-14", "torchscript-17", "dynamo-18", "dynamo-21"].map { "\(kind)-\($0)" }
    }

  static func path(_ name: String) -> String { Fixtures.path("goldens/NetworkGraphs/onnx/\(name)") }

  static func network(_ name: String) throws -> Network {
    let model = try ONNXModel(path: path(name + ".onnx"))
    return try Network(ONNXCheckpoint(model), onnx: model, pool: ThreadPool(threads: 2))
  }

  static func json(_ name: String) throws -> JSON {
    try JSON.parse([UInt8](Data(contentsOf: URL(fileURLWithPath: path(name + ".json")))))
  }

  static func number(_ json: JSON?) -> Double? {
    if case .number(let text)? = json { Double(text) } else { nil }
  }

  static func numbers(_ json: JSON?) throws -> [Double] {
    try #require(json?.arrayValue).map { try #require(number($0)) }
  }

  static func input(_ height: Int, _ width: Int) -> Tensor {
    var generator = SeededGenerator(seed: 1_000_000)
    let values = (0..<2 * height * width * 3).map { _ in Float(2 * generator.uniform() - 1) }
    return Tensor(shape: [2, height, width, 3], values: values)
  }

  /// A softmax at the end is left out, and logits are only told up to a constant by their softmax's logarithm.
  private static func centred(_ logits: [Double], classes: Int, _ name: String) -> [Double] {
    guard name.hasPrefix("mobile") else { return logits }
    return logits.indices.map { index in
      let row = logits[index / classes * classes..<(index / classes + 1) * classes]
      return logits[index] - row.reduce(0, +) / Double(classes)
    }
  }

  @Test(arguments: names)
  func logits(name: String) throws {
    let json = try Self.json(name)
    let network = try Self.network(name)
    func error(_ found: Tensor, _ expected: JSON?) throws -> Double {
      ResNetTests.error(
        Self.centred(found.values.map(Double.init), classes: network.classCount, name).map { Float($0) },
        Self.centred(try Self.numbers(expected), classes: network.classCount, name))
    }
    let sizes = try #require(json["sizes"]?.arrayValue)
    var first: Tensor?
    for row in sizes {
      let input = Self.input(
        Int(try #require(Self.number(row["height"]))), Int(try #require(Self.number(row["width"]))))
      first = first ?? input
      #expect(try error(network.logits(input), row["logits"]) < 1e-5)
    }
    let batch = try network.forwardWithBatchStatistics(try #require(first)) { _, _ in }
    #expect(try error(batch, json["batch_logits"]) < 1e-4)
  }

  @Test(arguments: names)
  func batchNormsHaveTheNamesOfTheStateDict(name: String) throws {
    let network = try Self.network(name)
    let expected = try #require(try Self.json(name)["norms"]?.arrayValue).map { try #require($0.arrayValue) }
    #expect(Set(network.batchNorms.map(\.name)) == Set(expected.compactMap { $0[0].stringValue }))
    for norm in expected {
      let layer = try #require(network.batchNorms.first { $0.name == norm[0].stringValue })
      #expect(layer.eps == Self.number(norm[1]))
      #expect(layer.momentum == Self.number(norm[2]))
      #expect(network.runningMeanKeys.contains(TensorName(layer.name + ".running_mean")))
    }
  }

  @Test func exportersAgreeInEveryBit() throws {
    let input = Self.input(48, 56)
    for kind in ["mobile-torchscript-11 mobile-dynamo-20", "mixed-dynamo-18 mixed-external"] {
      let pair = try kind.split(separator: " ").map { try Self.network(String($0)).logits(input).values }
      #expect(pair[0] == pair[1])
    }
  }

  @Test func sharedInitializersHaveAllTheirNames() throws {
    // Exported from a fresh network, so that the older exporter stores equal tensors once.
    let model = try ONNXModel(path: Self.path("fresh-torchscript-17.onnx"))
    let source = ONNXCheckpoint(model)
    #expect(
      model.initializers[TensorName("1.running_mean")] == nil
        || model.nodes.contains { $0.type == "Identity" })
    for key in ["1", "4"] {
      for suffix in ["weight", "bias", "running_mean", "running_var"] {
        #expect(source.spec(TensorName("\(key).\(suffix)"))?.shape == [4], "\(key).\(suffix)")
      }
    }
    let network = try Network(source, onnx: model, pool: ThreadPool(threads: 1))
    #expect(network.batchNorms.map(\.name) == ["1", "4"])
  }
}

extension Network {
  fileprivate var runningMeanKeys: [TensorName] { batchNorms.map(\.runningMeanKey) }
}
