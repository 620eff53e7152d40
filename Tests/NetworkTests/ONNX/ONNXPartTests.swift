import Checkpoint
import Platform
import Statistics
import TensorMath
import Testing

@testable import NetworkExecution
@testable import NetworkGraphs

/// Networks that are known up to their last BatchNorm: what is imported, and under which names.
struct ONNXPartTests {
  /// A model whose input `x` has four channels.
  static func maker(_ shape: [Int64] = [1, 4, 6, 8], opset: Int64 = 17) -> ONNXMaker {
    var maker = ONNXMaker(opset: opset)
    maker.input("x", shape)
    maker.output("end")
    return maker
  }

  static func part(_ maker: ONNXMaker) throws -> Network {
    let model = try maker.parsed()
    return try Network(
      ONNXCheckpoint(model), onnx: model, part: .batchNorms, pool: ThreadPool(threads: 2))
  }

  static func message(_ maker: ONNXMaker) throws -> String {
    "\(try #require(throws: (any Error).self) { _ = try part(maker) })"
  }

  @Test func ignoresWhateverFollowsTheLastBatchNorm() throws {
    var maker = Self.maker()
    maker.norm("a", "x", "a.out", channels: 4)
    maker.norm("b", "a.out", "b.out", channels: 4)
    maker.input("score", [1])
    maker.node("NonMaxSuppression", ["b.out", "score"], ["end"])
    let network = try Self.part(maker)
    #expect(network.batchNorms.map(\.name) == ["a", "b"])
    #expect(network.description.isPartial)
  }

  @Test func importsBatchNormsOfEveryOutput() throws {
    var maker = Self.maker()
    maker.output("c.out")
    maker.norm("a", "x", "a.out", channels: 4)
    maker.norm("b", "a.out", "end", channels: 4)
    maker.norm("c", "a.out", "c.out", channels: 4)
    #expect(try Set(Self.part(maker).batchNorms.map(\.name)) == ["a", "b", "c"])
  }

  @Test func namesSeveralInputsOfBatchNorms() throws {
    var maker = Self.maker()
    maker.input("depth", [1, 4, 6, 8])
    maker.node("Add", ["x", "depth"], ["sum"])
    maker.norm("a", "sum", "end", channels: 4)
    let message = try Self.message(maker)
    #expect(message.contains("computed from 2 inputs") && message.contains("\"x\", \"depth\""), "\(message)")
  }

  @Test func ignoresInputsThatNoBatchNormDependsOn() throws {
    var maker = Self.maker()
    maker.input("threshold", [1])
    maker.norm("a", "x", "a.out", channels: 4)
    maker.node("Mul", ["a.out", "threshold"], ["end"])
    #expect(try Self.part(maker).inputChannels == 4)
  }

  @Test func refusesAnUnknownOperatorBeforeABatchNorm() throws {
    var maker = Self.maker()
    maker.node("DeformConv", ["x"], ["y"])
    maker.norm("a", "y", "end", channels: 4)
    #expect(try Self.message(maker).contains("operator DeformConv is not supported"))
  }

  @Test func measuresTheMomentsOfThePart() throws {
    var maker = Self.maker()
    maker.norm("a", "x", "end", channels: 4)
    let network = try Self.part(maker)
    let values: [Float] = (0..<2 * 6 * 8 * 4).map { (index: Int) -> Float in Float(index * index % 17) }
    var found: [ChannelMoments] = []
    try network.measureBatchStatistics(Tensor(shape: [2, 6, 8, 4], values: values)) { found.append($1) }
    for channel in 0..<4 {
      let own = stride(from: channel, to: values.count, by: 4).map { Double(values[$0]) }
      let mean = own.reduce(0, +) / Double(own.count)
      let variance = own.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(own.count)
      #expect(abs(found[0].mean[channel] - mean) < 1e-9)
      #expect(abs(found[0].biasedVariance[channel] - variance) < 1e-9)
    }
  }

  @Test func normalizesVectorsAndSequences() throws {
    var maker = Self.maker()
    maker.ints("flat", [0, 4, -1])
    maker.node("Reshape", ["x", "flat"], ["sequence"])
    maker.norm("sequence", "sequence", "normalized", channels: 4)
    maker.node("GlobalAveragePool", ["x"], ["mean"])
    maker.node("Flatten", ["mean"], ["vector"])
    maker.norm("vector", "vector", "end", channels: 4)
    let network = try Self.part(maker)
    #expect(Set(network.batchNorms.map(\.name)) == ["sequence", "vector"])
    var counts: [String: Double] = [:]
    try network.measureBatchStatistics(
      Tensor(shape: [3, 6, 8, 4], values: (0..<576).map { Float($0 % 7) })
    ) { counts[$0.name] = $1.count }
    #expect(counts == ["sequence": 144, "vector": 3])
  }

  /// A pyramid's head that all levels share, whatever its tensors are called.
  @Test(arguments: ["running_mean", "m"])
  func refusesABatchNormThatIsUsedTwice(suffix: String) throws {
    var maker = Self.maker()
    maker.norm("a", "x", "first", channels: 4)
    for name in ["shared.weight", "shared.bias", "shared.\(suffix)", "shared.running_var"] {
      maker.tensor(name, [4], [1, 1, 1, 1])
    }
    let keys = ["shared.weight", "shared.bias", "shared.\(suffix)", "shared.running_var"]
    maker.node("BatchNormalization", ["first"] + keys, ["second"])
    maker.node("MaxPool", ["first"], ["half"], ["kernel_shape": .ints([2, 2]), "strides": .ints([2, 2])])
    maker.node("BatchNormalization", ["half"] + keys, ["end"])
    let message = try Self.message(maker)
    #expect(message.contains("is used twice"), "\(message)")
  }

  /// The result of a convolution that two BatchNorms read belongs to neither of them.
  @Test func twoBatchNormsOfOneMapSeeItBothAsItIs() throws {
    var maker = Self.maker()
    let weight: [Float] = (0..<16).map { (index: Int) -> Float in Float(index % 5) - 2 }
    maker.tensor("conv.weight", [4, 4, 1, 1], weight)
    maker.node("Conv", ["x", "conv.weight"], ["y"])
    maker.norm("a", "y", "left", channels: 4)
    maker.norm("b", "y", "right", channels: 4)
    maker.node("Add", ["left", "right"], ["sum"])
    maker.norm("c", "sum", "end", channels: 4)
    let network = try Self.part(maker)
    let values: [Float] = (0..<2 * 6 * 8 * 4).map { (index: Int) -> Float in Float(index * index % 13) }
    var found: [String: ChannelMoments] = [:]
    try network.measureBatchStatistics(Tensor(shape: [2, 6, 8, 4], values: values)) { found[$0.name] = $1 }
    let (a, b, c) = (try #require(found["a"]), try #require(found["b"]), try #require(found["c"]))
    for channel in 0..<4 {
      let rows = stride(from: 0, to: values.count, by: 4)
      let products = rows.map { (row: Int) -> Double in
        (0..<4).reduce(0.0) { $0 + Double(weight[channel * 4 + $1]) * Double(values[row + $1]) }
      }
      let mean = products.reduce(0, +) / Double(products.count)
      #expect(abs(a.mean[channel] - mean) < 1e-4 && abs(b.mean[channel] - mean) < 1e-4)
      #expect(abs(a.biasedVariance[channel] - b.biasedVariance[channel]) < 1e-6)
      // Twice a map of mean 0 and variance 1.
      #expect(abs(c.mean[channel]) < 1e-4 && abs(c.biasedVariance[channel] - 4) < 1e-3)
    }
  }

  // MARK: Names

  /// A checkpoint with a convolution and a BatchNorm under the given names.
  private func checkpoint(_ layers: [(convolution: String, norm: String)]) -> MemoryCheckpoint {
    var values: [TensorName: TensorValue] = [:]
    for layer in layers {
      values[TensorName(layer.convolution + ".weight")] = TensorValue(
        dtype: .f32, shape: [4, 4, 1, 1], bytes: [UInt8](repeating: 0, count: 64))
      for suffix in ["weight", "bias", "running_mean", "running_var"] {
        values[TensorName("\(layer.norm).\(suffix)")] = TensorValue(
          dtype: .f32, shape: [4], bytes: [UInt8](repeating: 0, count: 16))
      }
    }
    return MemoryCheckpoint(values)
  }

  private func model(_ layers: [(convolution: String, norm: String)]) throws -> ONNXModel {
    var maker = Self.maker()
    var value = "x"
    for (index, layer) in layers.enumerated() {
      maker.tensor("\(layer.convolution).weight", [4, 4, 1, 1], Array(repeating: 0, count: 16))
      maker.node("Conv", [value, "\(layer.convolution).weight"], ["conv\(index)"])
      let isLast = index == layers.count - 1
      maker.norm(layer.norm, "conv\(index)", isLast ? "end" : "norm\(index)", channels: 4)
      value = "norm\(index)"
    }
    return try maker.parsed()
  }

  @Test func findsNamesWithoutThePrefixOfAWrapper() throws {
    let model = try model([("wrapped.net.conv", "wrapped.net.bn")])
    let description = try NetworkDescription(
      checkpoint([("conv", "bn")]), onnx: model, part: .batchNorms)
    #expect(description.batchNorms.map(\.name) == ["bn"])
    #expect(description.nameRemark?.contains("without \"wrapped.net.\"") == true)
  }

  @Test func equalNamesAreNotWorthARemark() throws {
    let layers = [(convolution: "a", norm: "b")]
    let description = try NetworkDescription(checkpoint(layers), onnx: model(layers), part: .batchNorms)
    #expect(description.nameRemark == nil)
  }

  @Test func findsLayersByShapeAndSaysSo() throws {
    let model = try model([("onnx::Conv_12", "onnx::Norm_13")])
    let description = try NetworkDescription(
      checkpoint([("features.0", "features.1")]), onnx: model, part: .batchNorms)
    #expect(description.batchNorms.map(\.name) == ["features.1"])
    #expect(description.batchNorms[0].numBatchesTrackedKey == "features.1.num_batches_tracked")
    #expect(description.nameRemark?.contains("2 layers of test.onnx matched by shape") == true)
  }

  @Test func refusesNamesThatShapesDoNotTellApart() throws {
    // The checkpoint has one layer more, so that it is open which one is left over.
    let model = try model([("onnx::Conv_12", "onnx::Norm_13")])
    #expect(throws: ONNXImportError.self) {
      try NetworkDescription(
        checkpoint([("features.0", "features.1"), ("head.0", "head.1")]), onnx: model, part: .batchNorms)
    }
  }

  @Test func refusesToTakeTheFilesWeightForOneOfAnotherName() throws {
    // The BatchNorms have their names, and of the two weights of one shape it is open which is which.
    var maker = Self.maker()
    var value = "x"
    for index in 1...2 {
      maker.tensor("onnx::Conv_\(index)", [4, 4, 1, 1], Array(repeating: 0, count: 16))
      maker.node("Conv", [value, "onnx::Conv_\(index)"], ["conv\(index)"])
      maker.norm("bn\(index)", "conv\(index)", index == 2 ? "end" : "norm\(index)", channels: 4)
      value = "norm\(index)"
    }
    let model = try maker.parsed()
    var values: [TensorName: TensorValue] = [:]
    for (name, inputs) in [("b", 4), ("a", 4), ("head", 2)] {
      values[TensorName(name + ".weight")] = TensorValue(
        dtype: .f32, shape: [4, inputs, 1, 1], bytes: [UInt8](repeating: 0, count: 16 * inputs))
    }
    for name in ["bn1", "bn2"] {
      for suffix in ["weight", "bias", "running_mean", "running_var"] {
        values[TensorName("\(name).\(suffix)")] = TensorValue(
          dtype: .f32, shape: [4], bytes: [UInt8](repeating: 0, count: 16))
      }
    }
    let error = try #require(throws: ONNXImportError.self) {
      _ = try NetworkDescription(MemoryCheckpoint(values), onnx: model, part: .batchNorms)
    }
    #expect("\(error)".contains("\"onnx::Conv_1\", and shapes and order do not say"), "\(error)")
  }

  @Test func namesBatchNormsThatTheFileDoesNotCompute() throws {
    let description = try NetworkDescription(
      checkpoint([("a", "b"), ("auxiliary.0", "auxiliary.1")]), onnx: model([("a", "b")]), part: .batchNorms)
    #expect(description.absentBatchNorms == ["auxiliary.1.running_mean"])
  }
}

extension ONNXMaker {
  /// A BatchNorm with tensors of PyTorch's names.
  mutating func norm(_ name: String, _ input: String, _ output: String, channels: Int) {
    let keys = ["weight", "bias", "running_mean", "running_var"].map { "\(name).\($0)" }
    for (index, key) in keys.enumerated() {
      tensor(key, [Int64(channels)], Array(repeating: index == 0 || index == 3 ? 1 : 0, count: channels))
    }
    node("BatchNormalization", [input] + keys, [output], ["epsilon": .real(1e-5)])
  }
}
