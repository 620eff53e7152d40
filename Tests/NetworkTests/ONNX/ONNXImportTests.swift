import Checkpoint
import Foundation
import Platform
import TensorMath
import Testing

@testable import NetworkExecution
@testable import NetworkGraphs

/// Graphs of one or a few operators: what is understood, and what is refused in which words.
struct ONNXImportTests {
  /// A model with the input `x` of [1, 4, 6, 6] that ends in a mean over all pixels of `y`.
  private static func maker(_ shape: [Int64] = [1, 4, 6, 6], mean: Bool = true) -> ONNXMaker {
    var maker = ONNXMaker()
    maker.input("x", shape)
    maker.output(mean ? "mean" : "y")
    return maker
  }

  private func network(_ maker: ONNXMaker, mean: Bool = true) throws -> Network {
    var maker = maker
    if mean { maker.node("GlobalAveragePool", ["y"], ["mean"]) }
    let model = try maker.parsed()
    return try Network(ONNXCheckpoint(model), onnx: model, pool: ThreadPool(threads: 1))
  }

  private func message(_ maker: ONNXMaker, mean: Bool = true) throws -> String {
    "\(try #require(throws: (any Error).self) { _ = try network(maker, mean: mean) })"
  }

  /// The map `y` of one pixel for each of the numbers as all four channels.
  private func values(_ maker: ONNXMaker, _ inputs: [Float]) throws -> [Float] {
    let network = try network(maker)
    return try inputs.map { value in
      try network.logits(Tensor(shape: [1, 6, 6, 4], values: Array(repeating: value, count: 144))).values[0]
    }
  }

  @Test func computesPointwiseFunctions() throws {
    let points: [Float] = [-3, -0.5, 0, 0.75, 7]
    let cases: [(String, [String: ONNXMaker.Value], (Double) -> Double)] = [
      ("Relu", [:], { max($0, 0) }), ("Sigmoid", [:], { 1 / (1 + exp(-$0)) }),
      ("LeakyRelu", ["alpha": .real(0.2)], { $0 < 0 ? 0.2 * $0 : $0 }),
      ("Elu", ["alpha": .real(1.5)], { $0 < 0 ? 1.5 * (exp($0) - 1) : $0 }),
      ("Gelu", [:], { $0 / 2 * (1 + erf($0 / 2.0.squareRoot())) }),
      (
        "Gelu", ["approximate": .text("tanh")],
        { $0 / 2 * (1 + tanh((2 / Double.pi).squareRoot() * ($0 + 0.044715 * $0 * $0 * $0))) }
      ),
      ("Softplus", [:], { log(1 + exp($0)) }), ("Mish", [:], { $0 * tanh(log(1 + exp($0))) }),
      ("Tanh", [:], { tanh($0) }), ("Erf", [:], { erf($0) }),
      ("HardSigmoid", [:], { min(max(0.2 * $0 + 0.5, 0), 1) }),
      ("HardSigmoid", ["alpha": .real(1 / 6), "beta": .real(0.5)], { min(max($0 / 6 + 0.5, 0), 1) }),
      ("HardSwish", [:], { $0 * min(max($0 / 6 + 0.5, 0), 1) }), ("Neg", [:], { -$0 }),
    ]
    for (type, attributes, expected) in cases {
      var maker = Self.maker()
      maker.node(type, ["x"], ["y"], attributes)
      for (found, x) in zip(try values(maker, points), points) {
        #expect(abs(Double(found) - expected(Double(x))) < 2e-6, "\(type) \(attributes) of \(x)")
      }
    }
  }

  @Test func arithmeticWithNumbers() throws {
    let cases: [(String, [String], (Float) -> Float)] = [
      ("Add", ["x", "c"], { $0 + 3 }), ("Add", ["c", "x"], { $0 + 3 }), ("Sub", ["x", "c"], { $0 - 3 }),
      ("Sub", ["c", "x"], { 3 - $0 }), ("Mul", ["x", "c"], { $0 * 3 }), ("Div", ["x", "c"], { $0 / 3 }),
      ("Clip", ["x", "", "c"], { min($0, 3) }), ("Clip", ["x", "c"], { max($0, 3) }),
      ("Min", ["x", "c"], { min($0, 3) }), ("Max", ["c", "x"], { max($0, 3) }),
      ("Pow", ["x", "two"], { $0 * $0 }),
      ("PRelu", ["x", "c"], { $0 < 0 ? 3 * $0 : $0 }), ("Mul", ["x", "x"], { $0 * $0 }),
      ("Sub", ["x", "x"], { _ in 0 }),
    ]
    for (type, inputs, expected) in cases {
      var maker = Self.maker()
      maker.tensor("c", [], [3])
      maker.tensor("two", [], [2])
      maker.node(type, inputs, ["y"])
      for (found, x) in zip(try values(maker, [-2, 5]), [-2, 5] as [Float]) {
        #expect(abs(found - expected(x)) < 1e-6, "\(type) \(inputs) of \(x)")
      }
    }
  }

  @Test func constantsAlongChannels() throws {
    var maker = Self.maker()
    maker.tensor("c", [4, 1, 1], [1, 2, 3, 4])
    maker.node("Mul", ["x", "c"], ["y"])
    let ones = Tensor(shape: [1, 6, 6, 4], values: Array(repeating: 1, count: 144))
    #expect(try network(maker).logits(ones).values == [1, 2, 3, 4])
    var wrong = Self.maker()
    wrong.tensor("c", [5], [1, 2, 3, 4, 5])
    wrong.node("Mul", ["x", "c"], ["y"])
    #expect(try message(wrong).contains("do not fit"))
  }

  /// The channels' first pixels of a map that counts through channels, rows and columns.
  private func counted(_ maker: ONNXMaker) throws -> [Float] {
    let pixels = (0..<36).flatMap { pixel in (0..<4).map { Float($0 * 36 + pixel) } }
    return try network(maker).logits(Tensor(shape: [1, 6, 6, 4], values: pixels)).values
  }

  @Test func shuffleInThreeSteps() throws {
    var maker = Self.maker()
    maker.ints("split", [1, 2, 2, 6, 6])
    maker.ints("whole", [0, -1, 6, 6])
    maker.node("Reshape", ["x", "split"], ["a"])
    maker.node("Transpose", ["a"], ["b"], ["perm": .ints([0, 2, 1, 3, 4])])
    maker.node("Reshape", ["b", "whole"], ["y"])
    #expect(try counted(maker) == [17.5, 89.5, 53.5, 125.5])
  }

  @Test func spaceToDepthInThreeSteps() throws {
    var maker = Self.maker()
    maker.ints("split", [1, 4, 3, 2, 3, 2])
    maker.ints("whole", [1, 16, 3, 3])
    maker.node("Reshape", ["x", "split"], ["a"])
    maker.node("Transpose", ["a"], ["b"], ["perm": .ints([0, 1, 3, 5, 2, 4])])
    maker.node("Reshape", ["b", "whole"], ["y"])
    // Means of the pixels at even and odd rows and columns, channel by channel.
    let first: [Float] = [14, 15, 20, 21]
    #expect(try counted(maker) == (0..<4).flatMap { channel in first.map { $0 + Float(channel) * 36 } })
    var block = Self.maker()
    block.node("SpaceToDepth", ["x"], ["y"], ["blocksize": .ints([2])])
    #expect(try Set(counted(block)) == Set(counted(maker)))
  }

  @Test func splitSliceGatherAndConcat() throws {
    var maker = Self.maker()
    maker.node("Split", ["x"], ["a", "b"], ["axis": .ints([1]), "split": .ints([1, 3])])
    maker.ints("from", [1])
    maker.ints("to", [.max])
    maker.ints("axis", [1])
    maker.node("Slice", ["b", "from", "to", "axis"], ["c"])
    maker.ints("order", [3, 0])
    maker.node("Gather", ["x", "order"], ["d"], ["axis": .ints([1])])
    maker.node("Concat", ["c", "a", "d"], ["y"], ["axis": .ints([1])])
    #expect(try counted(maker) == [89.5, 125.5, 17.5, 125.5, 17.5])
  }

  /// Parts of a map that are added to a convolution's result or read by a fully connected layer (CSPNet's stages).
  @Test func partsAsResiduals() throws {
    func logits(copies: Bool) throws -> [Float] {
      var maker = Self.maker()
      maker.tensor("wide", [64, 4, 1, 1], (0..<256).map { Float($0 % 7) / 8 - 0.375 })
      maker.node("Conv", ["x", "wide"], ["c"])
      if copies {
        // The same channels by number, which copies them.
        maker.ints("first", Array(0..<32))
        maker.ints("second", Array(32..<64))
        maker.node("Gather", ["c", "first"], ["a"], ["axis": .ints([1])])
        maker.node("Gather", ["c", "second"], ["b"], ["axis": .ints([1])])
      } else {
        maker.node("Split", ["c"], ["a", "b"], ["axis": .ints([1])])
      }
      for (name, input, taps) in [("d", "b", 1), ("e", "a", 3)] {
        let count = 32 * 32 * taps * taps
        maker.tensor(
          "w" + name, [32, 32, Int64(taps), Int64(taps)], (0..<count).map { Float($0 % 5) / 16 - 0.125 })
        maker.node(
          "Conv", [input, "w" + name], ["t" + name],
          ["pads": .ints(Array(repeating: Int64(taps / 2), count: 4))])
        maker.node("Add", ["t" + name, input], [name])
      }
      maker.node("Concat", ["d", "e"], ["y"], ["axis": .ints([1])])
      return try counted(maker)
    }
    #expect(try logits(copies: false) == logits(copies: true))
  }

  @Test func padsOfAllKinds() throws {
    for (mode, expected) in [("constant", 3.5), ("reflect", 3), ("edge", 2)] as [(String, Float)] {
      var maker = Self.maker([1, 1, 1, 3])
      maker.ints("pads", [0, 0, 0, 1, 0, 0, 0, 0])
      maker.tensor("value", [], [8])
      maker.node("Pad", ["x", "pads", "value"], ["y"], ["mode": .text(mode)])
      let row = Tensor(shape: [1, 1, 3, 1], values: [1, 2, 3])
      let sums = try network(maker).logits(row).values.map { $0 * 4 }
      #expect(sums == [6 + (mode == "constant" ? 8 : mode == "reflect" ? 2 : 1)], "\(mode) \(expected)")
    }
  }

  @Test func paddingOfTensorFlow() throws {
    for (mode, first) in [("SAME_UPPER", Float(2)), ("SAME_LOWER", Float(1))] {
      var maker = Self.maker([1, 1, 1, 4])
      maker.tensor("w", [1, 1, 1, 3], [0, 0, 1])
      maker.node("Conv", ["x", "w"], ["a"], ["auto_pad": .text(mode), "strides": .ints([1, 2])])
      // The last column is taken away again.
      maker.ints("pads", [0, 0, 0, 0, 0, 0, 0, -1])
      maker.node("Pad", ["a", "pads"], ["y"])
      let row = Tensor(shape: [1, 1, 4, 1], values: [0, 1, 2, 3])
      #expect(try network(maker).logits(row).values == [first], "\(mode)")
    }
  }

  /// Padding by a pixel where the size is odd, as exporters of TensorFlow's padding compute it.
  @Test(arguments: [false, true]) func paddingComputedFromTheSize(boundIsAttribute: Bool) throws {
    var maker = Self.maker([1, 1, 0, 0])
    maker.ints("start", [2])
    maker.ints("end", [4])
    maker.ints("two", [2])
    maker.ints("front", [0, 0, 0, 0, 0, 0])
    maker.ints("zero", [0])
    maker.node("Shape", ["x"], ["shape"])
    maker.node("Slice", ["shape", "start", "end"], ["size"])
    maker.node("Mod", ["size", "two"], ["rest"])
    if boundIsAttribute {
      maker.node("Clip", ["rest"], ["odd"], ["min": .real(0)])
    } else {
      maker.node("Clip", ["rest", "zero", ""], ["odd"])
    }
    maker.node("Concat", ["front", "odd"], ["pads"], ["axis": .ints([0])])
    maker.node("Pad", ["x", "pads"], ["y"])
    let network = try network(maker)
    #expect(
      try network.logits(Tensor(shape: [1, 6, 4, 1], values: Array(repeating: 1, count: 24))).values == [
        1
      ])
    let error = #expect(throws: NetworkError.self) {
      _ = try network.logits(Tensor(shape: [1, 7, 4, 1], values: Array(repeating: 1, count: 28)))
    }
    #expect(error?.description.contains("multiples of 2;") == true)
  }

  @Test func linearLayersOfEveryForm() throws {
    let weight: [Float] = [1, 2, 3, 4, 5, 6, 7, 8]
    let transposed: [Float] = [1, 5, 2, 6, 3, 7, 4, 8]
    let input = Tensor(shape: [1, 6, 6, 4], values: (0..<144).map { Float($0 % 4) })
    func logits(_ build: (inout ONNXMaker) -> Void) throws -> [Float] {
      var maker = ONNXMaker()
      maker.input("x", [1, 4, 6, 6])
      maker.output("y")
      maker.tensor("bias", [2], [10, 20])
      maker.node("GlobalAveragePool", ["x"], ["p"])
      maker.node("Flatten", ["p"], ["f"])
      build(&maker)
      let network = try network(maker, mean: false)
      #expect(network.classifier?.featureCount == 4)
      #expect(network.classifier?.biasKey == "bias")
      return try network.logits(input).values
    }
    let expected: [Float] = [30, 64]
    #expect(
      try logits {
        $0.tensor("w", [2, 4], weight)
        $0.node("Gemm", ["f", "w", "bias"], ["y"], ["transB": .ints([1])])
      } == expected)
    #expect(
      try logits {
        $0.tensor("w", [4, 2], transposed)
        $0.node("Gemm", ["f", "w", "bias"], ["y"])
      } == expected)
    #expect(
      try logits {
        $0.tensor("w", [2, 4], weight)
        $0.node("Transpose", ["w"], ["t"])
        $0.node("MatMul", ["f", "t"], ["m"])
        $0.node("Add", ["m", "bias"], ["y"])
      } == expected)
    #expect(
      try logits {
        $0.tensor("w", [2, 4, 1, 1], weight)
        $0.node("Conv", ["p", "w", "bias"], ["c"])
        $0.node("Flatten", ["c"], ["y"])
      } == expected)
  }

  // MARK: Refusals

  @Test func unknownOperators() throws {
    var maker = Self.maker()
    maker.node("LSTM", ["x"], ["y"])
    let text = try message(maker)
    #expect(text.hasPrefix(#"test.onnx: node "y": operator LSTM is not supported; supported are Abs, Add, "#))
    #expect(text.contains("BatchNormalization") && text.contains("Unsqueeze"))
    var foreign = Self.maker()
    foreign.node("Relu", ["x"], ["y"])
    foreign.model.graph.node[0].domain = "com.example"
    #expect(try message(foreign).contains("operator com.example::Relu is not supported"))
    // What has no part in the output may be anything.
    var unused = Self.maker()
    unused.node("LSTM", ["x"], ["z"])
    unused.node("Relu", ["x"], ["y"])
    #expect(try network(unused).classCount == 4)
  }

  @Test func absurdWindows() throws {
    let cases: [[String: ONNXMaker.Value]] = [
      ["strides": .ints([0, 1])], ["strides": .ints([-1, 1])], ["dilations": .ints([1 << 40, 1])],
      ["pads": .ints([1 << 40, 0, 0, 0])], ["pads": .ints([-1, 0, 0, 0])], ["pads": .ints([1])],
      ["kernel_shape": .ints([5, 5])], ["group": .ints([0])], ["group": .ints([.max])], ["group": .ints([3])],
      ["auto_pad": .text("SIDEWAYS")], ["strides": .ints([1])],
    ]
    for attributes in cases {
      var maker = Self.maker()
      maker.tensor("w", [4, 4, 1, 1], Array(repeating: 1, count: 16))
      maker.node("Conv", ["x", "w"], ["y"], attributes)
      #expect(try message(maker).hasPrefix(#"test.onnx: node "y" (Conv): "#), "\(attributes)")
    }
    var small = Self.maker()
    small.tensor("w", [4, 4, 9, 9], Array(repeating: 1, count: 16 * 81))
    small.node("Conv", ["x", "w"], ["y"])
    #expect(try message(small).contains("nothing is left of an image of 6x6 pixels"))
  }

  @Test func absurdShapes() throws {
    for shape in [[1, 4, 1 << 29, 1 << 29], [1, 1 << 29, 6, 6]] as [[Int64]] {
      var maker = Self.maker(shape)
      maker.node("Relu", ["x"], ["y"])
      #expect(try message(maker).contains("not an image classifier"))
    }
    for target in [[.max, .max], [-1, -1], [1, 7], [0, 0, 0, 0, 0], [-2, 72], [1, 0, -1]] as [[Int]] {
      var maker = Self.maker()
      maker.ints("shape", target)
      maker.node("Reshape", ["x", "shape"], ["y"])
      _ = try message(maker)
    }
    var bomb = Self.maker()
    bomb.ints("shape", [1 << 40])
    bomb.node("ConstantOfShape", ["shape"], ["c"])
    bomb.node("Mul", ["x", "c"], ["y"])
    #expect(try message(bomb).contains("too large"))
    // Channels that double with every node.
    var doubling = Self.maker()
    doubling.node("Concat", ["x", "x"], ["c0"], ["axis": .ints([1])])
    for index in 0..<64 {
      doubling.node("Concat", ["c\(index)", "c\(index)"], ["c\(index + 1)"], ["axis": .ints([1])])
    }
    doubling.node("Relu", ["c64"], ["y"])
    #expect(try message(doubling).contains("is too large"))
    // A constant that every pick multiplies.
    var picking = Self.maker()
    picking.ints("shape", [1, 60000])
    picking.node("ConstantOfShape", ["shape"], ["c"])
    picking.ints("many", Array(repeating: 0, count: 4000))
    picking.node("Gather", ["c", "many"], ["g"], ["axis": .ints([0])])
    picking.node("Mul", ["x", "g"], ["y"])
    #expect(try message(picking).contains("too large"))
    // Windows of sixteen million pixels, one behind the other.
    var windows = Self.maker()
    for index in 0..<2000 {
      windows.node(
        "MaxPool", [index == 0 ? "x" : "p\(index - 1)"], [index == 1999 ? "y" : "p\(index)"],
        ["kernel_shape": .ints([4095, 4095]), "pads": .ints([2047, 2047, 2047, 2047])])
    }
    #expect(try message(windows).contains("beyond that of any classifier"))
    var overflow = Self.maker()
    overflow.ints("big", [.max])
    overflow.node("Mul", ["big", "big"], ["b"])
    overflow.node("Reshape", ["x", "b"], ["y"])
    #expect(try message(overflow).contains("overflows"))
    var zero = Self.maker()
    zero.ints("zero", [0])
    zero.node("Div", ["zero", "zero"], ["b"])
    zero.node("Reshape", ["x", "b"], ["y"])
    #expect(try message(zero).contains("overflows"))
  }

  @Test func whatIsNoClassifier() throws {
    var map = Self.maker(mean: false)
    map.node("Relu", ["x"], ["y"])
    #expect(try message(map, mean: false).contains("no row of numbers"))
    var constant = Self.maker(mean: false)
    constant.tensor("c", [1], [1])
    constant.node("Identity", ["c"], ["y"])
    #expect(try message(constant, mean: false).contains("does not depend on the image"))
    var two = Self.maker()
    two.input("z", [1, 3, 6, 6])
    two.node("Relu", ["x"], ["y"])
    #expect(try message(two).contains("expected one input"))
    for shape in [[1, 4, 6], [1, -0, 6, 6], []] as [[Int64]] {
      var maker = Self.maker(shape)
      maker.node("Relu", ["x"], ["y"])
      #expect(try message(maker).contains("expected one input"))
    }
  }

  @Test func layersThatDependOnTheSize() throws {
    var maker = Self.maker([1, 4, 0, 0])
    maker.node("Shape", ["x"], ["s"])
    maker.ints("two", [2])
    maker.node("Gather", ["s", "two"], ["h"])
    maker.ints("hundred", [100])
    maker.node("Div", ["h", "hundred"], ["p"])
    maker.ints("zero", [0])
    maker.node(
      "Concat", ["zero", "zero", "p", "zero", "zero", "zero", "zero", "zero"], ["pads"], ["axis": .ints([0])])
    maker.node("Pad", ["x", "pads"], ["y"], ["mode": .text("edge")])
    // 224 / 100 and 288 / 100 are equal, 288 / 90 is not.
    #expect(try network(maker).classCount == 4)
    maker.model.graph.initializer[1].int64Data = [90]
    #expect(try message(maker).contains(#"node "y" computes other layers for another size"#))
  }

  @Test func truncatedAndDamagedFilesNeverCrash() throws {
    let path = ONNXGoldenTests.path("fresh-torchscript-17.onnx")
    let bytes = [UInt8](try Data(contentsOf: URL(fileURLWithPath: path)))
    let pool = ThreadPool(threads: 1)
    func load(_ bytes: [UInt8]) throws {
      let model = try ONNXModel(bytes, label: "x.onnx", folder: ".")
      _ = try Network(ONNXCheckpoint(model), onnx: model, pool: pool)
    }
    try load(bytes)
    for end in bytes.indices { #expect(throws: (any Error).self) { try load(Array(bytes[..<end])) } }
    for index in bytes.indices {
      for bit in 0..<8 {
        var changed = bytes
        changed[index] ^= 1 << UInt8(bit)
        try? load(changed)
      }
    }
  }

  // MARK: Weights from a checkpoint

  @Test func foldedBatchNorms() throws {
    let fresh = try ONNXModel(path: ONNXGoldenTests.path("fresh-torchscript-17.onnx"))
    let checkpoint = ONNXCheckpoint(fresh)
    for name in ["folded-torchscript-17.onnx", "folded-dynamo-20.onnx"] {
      let folded = try ONNXModel(path: ONNXGoldenTests.path(name))
      let error = try #require(throws: ONNXImportError.self) {
        _ = try Network(checkpoint, onnx: folded, pool: ThreadPool(threads: 1))
      }
      #expect(error.description.contains("dynamo=True, optimize=False"))
      #expect(error.description.contains("do_constant_folding=False"))
      // With its own weights it is a network like any other.
      #expect(
        try Network(ONNXCheckpoint(folded), onnx: folded, pool: ThreadPool(threads: 1)).batchNorms.isEmpty)
    }
  }

  @Test func tensorsOfTheCheckpoint() throws {
    let model = try ONNXModel(path: ONNXGoldenTests.path("fresh-torchscript-17.onnx"))
    let own = ONNXCheckpoint(model)
    let values = Dictionary(uniqueKeysWithValues: try own.tensors.map { ($0.name, try own.value($0.name)) })
    let pool = ThreadPool(threads: 1)
    let checkpoint = MemoryCheckpoint(values)
    let input = Tensor(shape: [1, 16, 16, 3], values: Array(repeating: 0.5, count: 768))
    #expect(
      try Network(checkpoint, onnx: model, pool: pool).logits(input).values
        == Network(own, onnx: model, pool: pool).logits(input).values)
    func message(_ checkpoint: MemoryCheckpoint) throws -> String {
      "\(try #require(throws: (any Error).self) { _ = try Network(checkpoint, onnx: model, pool: pool) })"
    }
    #expect(
      try message(checkpoint.removing("7.weight")).contains(#"memory: tensor "7.weight" is missing, which"#))
    #expect(
      try message(checkpoint.replacing(["3.weight": TensorValue(f32: [1], shape: [1])]))
        == #"memory: tensor "3.weight": expected shape [4, 4, 3, 3], found F32 [1]"#)
    // The values are the checkpoint's, and so may be the number of classes.
    let larger = checkpoint.replacing([
      "7.weight": TensorValue(f32: Array(repeating: 0, count: 12), shape: [3, 4]),
      "7.bias": TensorValue(f32: [1, 2, 3], shape: [3]),
    ])
    #expect(try Network(larger, onnx: model, pool: pool).logits(input).values == [1, 2, 3])
  }

  /// Numbers of a file are no reason to stop with a trap, whatever they are.
  @Test func impossibleNumbersAreRefused() throws {
    for pad in [Int.min, Int.max, 1 << 40] {
      var maker = Self.maker()
      maker.ints("pads", [0, 0, pad, 0, 0, 0, 0, 0])
      maker.node("Pad", ["x", "pads"], ["y"])
      #expect(try message(maker).contains("is impossible"), "\(pad)")
    }
    // Zero extents hide no overflow of the others.
    var hidden = Self.maker()
    hidden.ints("none", [])
    hidden.ints("shape", [0, 1 << 40, 1 << 40])
    hidden.node("Reshape", ["none", "shape"], ["r"], ["allowzero": .ints([1])])
    hidden.node("Flatten", ["r"], ["f"])
    hidden.node("Reshape", ["x", "f"], ["y"])
    #expect(try message(hidden).contains("does not become"))
    var sum = Self.maker()
    sum.ints("large", [Int.max, 1])
    sum.node("ReduceSum", ["large"], ["s"], ["keepdims": .ints([0])])
    sum.node("Reshape", ["x", "s"], ["y"])
    #expect(try message(sum).contains("overflows"))
  }

  @Test func constantsOfShapesTakeOneNumber() throws {
    var maker = Self.maker()
    maker.ints("shape", [2])
    maker.node("ConstantOfShape", ["shape"], ["c"])
    maker.node("Reshape", ["x", "c"], ["y"])
    var value = OnnxSubset_Tensor()
    value.dims = [0]
    value.dataType = 7
    var attribute = OnnxSubset_Attribute()
    (attribute.name, attribute.type, attribute.t) = ("value", 4, value)
    maker.model.graph.node[0].attribute = [attribute]
    #expect(try message(maker).contains("expected one number as its value, found 0"))
  }

  @Test func initializersInOtherFilesClaimNoMoreThanThereCanBe() throws {
    var maker = Self.maker()
    for index in 0..<40 {
      maker.external("h\(index)", [1 << 55], ["location": "ext.bin", "length": "\(1 << 57)"])
    }
    maker.node("Relu", ["x"], ["y"])
    #expect(try message(maker).contains("claim more bytes than there can be"))
  }
}
