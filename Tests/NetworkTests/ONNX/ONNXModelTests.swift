import Checkpoint
import Foundation
import Testing

@testable import NetworkGraphs

/// Files that are wrong on their own.
struct ONNXModelTests {
  private func message(_ maker: ONNXMaker) throws -> String {
    try #require(throws: ONNXError.self) { _ = try maker.parsed() }.description
  }

  @Test func everyElementTypeIsRead() throws {
    var maker = ONNXMaker()
    func add(_ type: Int32, _ change: (inout OnnxSubset_Tensor) -> Void) {
      var tensor = OnnxSubset_Tensor()
      tensor.name = "t\(type)"
      tensor.dims = [2]
      tensor.dataType = type
      change(&tensor)
      maker.model.graph.initializer.append(tensor)
    }
    add(1) { $0.floatData = [1, -2] }
    add(2) { $0.int32Data = [1, 254] }
    add(3) { $0.int32Data = [1, -2] }
    add(4) { $0.int32Data = [1, 65534] }
    add(5) { $0.int32Data = [1, -2] }
    add(6) { $0.int32Data = [1, -2] }
    add(7) { $0.int64Data = [1, -2] }
    add(9) { $0.int32Data = [1, 0] }
    add(10) { $0.int32Data = [0x3C00, 0xC000] }
    add(11) { $0.doubleData = [1, -2] }
    add(12) { $0.uint64Data = [1, 4_294_967_294] }
    add(13) { $0.uint64Data = [1, 2] }
    add(16) { $0.int32Data = [0x3F80, 0xC000] }
    let model = try maker.parsed()
    #expect(model.initializers.count == 13)
    let second: [Int: Double] = [2: 254, 4: 65534, 9: 0, 12: 4_294_967_294, 13: 2]
    for type in [1, 2, 3, 4, 5, 6, 7, 9, 10, 11, 12, 13, 16] {
      let tensor = try #require(model.initializers[TensorName("t\(type)")])
      #expect(try model.value(tensor).doubles() == [1, second[type] ?? -2], "type \(type)")
    }
  }

  @Test func decimalAttributes() throws {
    var maker = ONNXMaker()
    maker.input("x", [1])
    maker.node("Elu", ["x"], ["y"])
    var attribute = OnnxSubset_Attribute()
    attribute.name = "alpha"
    attribute.type = 1
    attribute.f = 1e-5
    maker.model.graph.node[0].attribute = [attribute]
    #expect(try maker.parsed().nodes[0].real("alpha") == 1e-5)
  }

  @Test func noModel() {
    for bytes in [[], [0x80, 2], Array("PK\u{3}\u{4}".utf8), Array(repeating: 0xFF, count: 64)] as [[UInt8]] {
      #expect(throws: ONNXError.self) { try ONNXModel(bytes, label: "x.onnx", folder: ".") }
    }
  }

  @Test func deepRecursionEndsEarly() {
    // Unknown groups within groups.
    #expect(throws: ONNXError.self) {
      try ONNXModel(Array(repeating: 0x0B, count: 1 << 20), label: "x.onnx", folder: ".")
    }
  }

  @Test func operatorSets() throws {
    func maker(_ opset: Int64) -> ONNXMaker {
      var maker = ONNXMaker(opset: opset)
      maker.input("x", [1])
      return maker
    }
    for opset in [9, 22] as [Int64] { #expect(try maker(opset).parsed().opset == Int(opset)) }
    for opset in [-1, 0, 8, 23, .max] as [Int64] {
      #expect(try message(maker(opset)).contains("expected an operator set from 9 to 22"))
    }
    var without = maker(17)
    without.model.opsetImport = []
    #expect(try message(without).contains("which version"))
  }

  @Test func cyclesAndMissingValues() throws {
    var maker = ONNXMaker()
    maker.input("x", [1, 3, 8, 8])
    maker.node("Add", ["x", "b"], ["a"])
    maker.node("Relu", ["a"], ["b"])
    #expect(
      try message(maker)
        == #"test.onnx: node "a" (Add) reads "b", which is made by no node before it"#)
    var itself = ONNXMaker()
    itself.node("Relu", ["y"], ["y"])
    #expect(try message(itself).contains("reads \"y\""))
    var output = ONNXMaker()
    output.output("nowhere")
    #expect(try message(output).contains("no node makes the output \"nowhere\""))
  }

  @Test func namesThatAppearTwice() throws {
    var nodes = ONNXMaker()
    nodes.input("x", [1])
    nodes.node("Relu", ["x"], ["y"])
    nodes.node("Relu", ["x"], ["y"])
    #expect(try message(nodes).contains("\"y\" is made by more than one node"))
    var tensors = ONNXMaker()
    tensors.tensor("w", [1], [1])
    tensors.tensor("w", [1], [1])
    #expect(try message(tensors).contains("initializer \"w\" appears twice"))
    var attributes = ONNXMaker()
    attributes.input("x", [1])
    attributes.node("Relu", ["x"], ["y"], ["a": .ints([1])])
    attributes.model.graph.node[0].attribute.append(attributes.model.graph.node[0].attribute[0])
    #expect(try message(attributes).contains("the attribute \"a\" twice"))
    var inputs = ONNXMaker()
    inputs.input("x", [1])
    inputs.input("x", [1])
    #expect(try message(inputs).contains("input \"x\" appears twice"))
  }

  @Test func absurdTensors() throws {
    for shape in [[1 << 62, 4], [-1], [1 << 31, 1 << 31, 1 << 31], Array(repeating: 1, count: 17)]
      as [[Int64]]
    {
      var maker = ONNXMaker()
      maker.tensor("w", shape, [1])
      #expect(try message(maker).contains("impossible shape"), "\(shape)")
    }
    var short = ONNXMaker()
    short.tensor("w", [3], [1, 2])
    #expect(try message(short) == #"test.onnx: initializer "w": needs 12 bytes for F32 [3], found 8"#)
    var type = ONNXMaker()
    type.tensor("w", [1], [1])
    type.model.graph.initializer[0].dataType = 8
    #expect(try message(type).contains("element type 8 is not supported"))
    var extent = ONNXMaker()
    extent.input("x", [1, -5])
    #expect(try message(extent).contains("impossible extent -5"))
  }

  @Test func hostileNamesCannotSteerATerminal() throws {
    var maker = ONNXMaker()
    maker.node("Relu", ["\u{1B}[2J"], ["y"])
    #expect(try message(maker).utf8.allSatisfy { $0 >= 0x20 })
  }

  @Test func manyTruncations() throws {
    var maker = ONNXMaker()
    maker.input("x", [1, 3, 8, 8])
    maker.tensor("w", [4, 3, 1, 1], Array(repeating: 1, count: 12))
    maker.node("Conv", ["x", "w"], ["y"], ["pads": .ints([0, 0, 0, 0])])
    maker.output("y")
    let bytes = try maker.bytes()
    for end in bytes.indices { _ = try? ONNXModel(Array(bytes[..<end]), label: "x.onnx", folder: ".") }
    for index in bytes.indices {
      var changed = bytes
      changed[index] ^= 0x80
      _ = try? ONNXModel(changed, label: "x.onnx", folder: ".")
    }
    #expect(try maker.parsed().nodes.count == 1)
  }
}
