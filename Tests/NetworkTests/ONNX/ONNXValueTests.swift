import Checkpoint
import Foundation
import Platform
import TensorMath
import Testing

@testable import NetworkExecution
@testable import NetworkGraphs

/// Operators on values of any rank, element by element against their definitions.
struct ONNXValueTests {
  /// Elements of the input, [1, 4, 2, 3], in ONNX's order.
  private static let count = 24
  private static let x: [Float] = (0..<count).map { Float(($0 * 7) % 24) / 8 - 1 }

  /// A model with the input `x` and the result `y`, of which all elements become logits.
  private static func maker(opset: Int64 = 17) -> ONNXMaker {
    var maker = ONNXMaker(opset: opset)
    maker.input("x", [1, 4, 2, 3])
    return maker
  }

  private func network(_ maker: ONNXMaker, elements: Int) throws -> Network {
    var maker = maker
    maker.output("logits")
    maker.ints("flat shape", [1, elements])
    maker.tensor(
      "identity", [Int64(elements), Int64(elements)],
      (0..<elements * elements).map { $0 / elements == $0 % elements ? 1 : 0 })
    maker.node("Reshape", ["y", "flat shape"], ["flat"])
    maker.node("MatMul", ["flat", "identity"], ["logits"])
    let model = try maker.parsed()
    return try Network(ONNXCheckpoint(model), onnx: model, pool: ThreadPool(threads: 2))
  }

  /// The elements of `y` in ONNX's order, for two images of which the second is twice the first.
  private func elements(_ maker: ONNXMaker, _ count: Int) throws -> [Float] {
    let network = try network(maker, elements: count)
    let pixels = (0..<6).flatMap { pixel in (0..<4).map { Self.x[$0 * 6 + pixel] } }
    let input = Tensor(shape: [2, 2, 3, 4], values: pixels + pixels.map { 2 * $0 })
    return Array(try network.logits(input).values[..<count])
  }

  private func message(_ maker: ONNXMaker, _ count: Int = 1) throws -> String {
    "\(try #require(throws: (any Error).self) { _ = try network(maker, elements: count) })"
  }

  private func expectClose(_ found: [Float], _ expected: [Float], _ what: String = "") {
    #expect(found.count == expected.count, "\(what)")
    for (a, b) in zip(found, expected) { #expect(abs(a - b) < 1e-5 * max(1, abs(b)), "\(what)") }
  }

  // MARK: Order

  @Test func transposesAndReshapesInAnyOrder() throws {
    var maker = Self.maker()
    maker.ints("rows", [3, 8])
    maker.node("Transpose", ["x"], ["t"], ["perm": .ints([3, 0, 2, 1])])
    maker.node("Reshape", ["t", "rows"], ["y"])
    // [column][row][channel]
    let expected = (0..<24).map { (index: Int) -> Float in
      let (column, row, channel) = (index / 8, index / 4 % 2, index % 4)
      return Self.x[channel * 6 + row * 3 + column]
    }
    #expect(try elements(maker, 24) == expected)
  }

  @Test func splitsAxesUnevenly() throws {
    var maker = Self.maker()
    maker.ints("one", [2, 12])
    maker.ints("two", [3, 8])
    maker.node("Transpose", ["x"], ["t"], ["perm": .ints([0, 2, 3, 1])])
    maker.node("Reshape", ["t", "one"], ["a"])
    maker.node("Transpose", ["a"], ["b"])
    maker.node("Reshape", ["b", "two"], ["y"])
    let tokens = (0..<24).map { (index: Int) -> Float in Self.x[index % 4 * 6 + index / 4] }
    let expected = (0..<24).map { (index: Int) -> Float in tokens[index % 2 * 12 + index / 2] }
    #expect(try elements(maker, 24) == expected)
  }

  @Test func slicesInStepsAndBackwards() throws {
    for (start, end, step, expected) in [(0, 3, 2, [0, 2]), (2, -9, -1, [2, 1, 0]), (1, 3, 1, [1, 2])]
      as [(Int, Int, Int, [Int])]
    {
      var maker = Self.maker()
      maker.ints("start", [start])
      maker.ints("end", [end])
      maker.ints("axis", [2])
      maker.ints("step", [step])
      maker.node("Transpose", ["x"], ["t"], ["perm": .ints([0, 2, 3, 1])])
      maker.node("Slice", ["t", "start", "end", "axis", "step"], ["y"])
      var wanted: [Float] = []
      for row in 0..<2 {
        for column in expected { wanted += (0..<4).map { Self.x[$0 * 6 + row * 3 + column] } }
      }
      #expect(try elements(maker, wanted.count) == wanted, "\(start) \(end) \(step)")
    }
  }

  @Test func repeatsAndExpands() throws {
    var tile = Self.maker()
    tile.ints("repeats", [1, 1, 2, 1])
    tile.node("Tile", ["x", "repeats"], ["y"])
    let expected = (0..<48).map { (index: Int) -> Float in Self.x[index / 12 * 6 + index % 6] }
    #expect(try elements(tile, 48) == expected)
    var expand = Self.maker()
    expand.ints("split", [4, 1, 6])
    expand.ints("wide", [4, 2, 6])
    expand.node("Reshape", ["x", "split"], ["a"])
    expand.node("Expand", ["a", "wide"], ["y"])
    #expect(try elements(expand, 48) == expected)
  }

  /// A gate needs no copies of its pixel, but what adds up the copies does.
  @Test(arguments: ["Mul", "ReduceSum"]) func copiesOfAPixelCount(type: String) throws {
    var maker = Self.maker()
    maker.ints("whole", [1, 4, 2, 3])
    maker.ints("axes", [2, 3])
    maker.node("GlobalAveragePool", ["x"], ["p"])
    maker.node("Expand", ["p", "whole"], ["e"])
    maker.node(type, type == "Mul" ? ["x", "e"] : ["e", "axes"], ["y"])
    let sums = (0..<4).map { (channel: Int) -> Float in
      Self.x[channel * 6..<channel * 6 + 6].reduce(Float(0), +)
    }
    let gated = Self.x.indices.map { (index: Int) -> Float in Self.x[index] * sums[index / 6] / 6 }
    let expected = type == "Mul" ? gated : sums
    expectClose(try elements(maker, expected.count), expected)
    let operations = try network(maker, elements: expected.count).description.graph.nodes.map(\.operation)
    #expect(operations.contains(.gate) == (type == "Mul"))
  }

  /// A size that the file names may have been computed from the image's.
  @Test func resizingToANumberOfPixelsHoldsForOneSize() throws {
    for isOpen in [false, true] {
      var maker = ONNXMaker()
      maker.input("x", isOpen ? [1, 1, 0, 0] : [1, 1, 4, 4])
      maker.output("logits")
      if isOpen { maker.tensor("size", [4], [1, 1, 2, 2]) } else { maker.ints("size", [1, 1, 8, 8]) }
      maker.node(
        "Resize", isOpen ? ["x", "", "size"] : ["x", "", "", "size"], ["r"], ["mode": .text("linear")])
      maker.node("GlobalMaxPool", ["r"], ["p"])
      maker.node("Flatten", ["p"], ["logits"])
      let model = try maker.parsed()
      let network = try Network(ONNXCheckpoint(model), onnx: model, pool: ThreadPool(threads: 1))
      func largest(_ size: Int) throws -> [Float] {
        let values = (0..<size * size).map { Float($0) }
        return try network.logits(Tensor(shape: [1, size, size, 1], values: values)).values
      }
      #expect(try largest(4) == [15])
      if isOpen {
        #expect(try largest(8) == [63])
      } else {
        #expect(throws: NetworkError.self) { try largest(8) }
      }
    }
  }

  @Test func identityMatrices() throws {
    var maker = Self.maker()
    maker.tensor("zeros", [2, 3], Array(repeating: 0, count: 6))
    maker.node("EyeLike", ["zeros"], ["eye"], ["k": .ints([1])])
    maker.node("Mul", ["x", "eye"], ["y"])
    let expected = Self.x.indices.map { (index: Int) -> Float in
      [1, 5].contains(index % 6) ? Self.x[index] : 0
    }
    #expect(try elements(maker, 24) == expected)
  }

  @Test func padsAndJoinsAnyAxis() throws {
    var maker = Self.maker()
    maker.ints("pads", [0, 1, 0, 0, 0, 0, 0, -1])
    maker.tensor("value", [], [9])
    maker.node("Pad", ["x", "pads", "value"], ["p"])
    maker.tensor("more", [1, 5, 2, 1], (0..<10).map { Float($0) })
    maker.node("Concat", ["p", "more"], ["y"], ["axis": .ints([3])])
    var expected: [Float] = []
    for channel in 0..<5 {
      for row in 0..<2 {
        expected += (0..<2).map { channel == 0 ? 9 : Self.x[(channel - 1) * 6 + row * 3 + $0] }
        expected.append(Float(channel * 2 + row))
      }
    }
    #expect(try elements(maker, 30) == expected)
  }

  // MARK: Picking

  @Test func gathersAlongAnyAxis() throws {
    var maker = Self.maker()
    maker.ints("columns", [2, 0, 0, -2])
    maker.node("Gather", ["x", "columns"], ["y"], ["axis": .ints([3])])
    var expected: [Float] = []
    for row in 0..<8 { expected += [2, 0, 0, 1].map { Self.x[row * 3 + $0] } }
    #expect(try elements(maker, 32) == expected)
  }

  @Test func gathersAndScattersBlocks() throws {
    func indices(_ maker: inout ONNXMaker, _ name: String, _ shape: [Int64], _ values: [Int]) {
      maker.ints(name, values)
      maker.model.graph.initializer[maker.model.graph.initializer.count - 1].dims = shape
    }
    var gather = Self.maker()
    indices(&gather, "places", [2, 2], [0, 3, 0, -4])
    gather.node("GatherND", ["x", "places"], ["y"])
    #expect(try elements(gather, 12) == Array(Self.x[18..<24] + Self.x[0..<6]))
    var scatter = Self.maker()
    indices(&scatter, "places", [1, 2], [0, 1])
    scatter.tensor("update", [1, 2, 3], [1, 2, 3, 4, 5, 6])
    scatter.node("ScatterND", ["x", "places", "update"], ["y"])
    #expect(try elements(scatter, 24) == Array(Self.x[0..<6] + [1, 2, 3, 4, 5, 6] + Self.x[12..<24]))
    var each = Self.maker()
    indices(&each, "places", [1, 4, 1, 3], (0..<12).map { $0 % 2 })
    each.node("GatherElements", ["x", "places"], ["y"], ["axis": .ints([2])])
    let chosen = (0..<12).map { (index: Int) -> Float in Self.x[index / 3 * 6 + index % 2 * 3 + index % 3] }
    #expect(try elements(each, 12) == chosen)
  }

  @Test func choosesByAConstantMask() throws {
    var maker = Self.maker()
    maker.tensor("mask", [2, 3], [1, 0, 1, 0, 1, 0])
    maker.tensor("other", [], [5])
    maker.node("Where", ["mask", "x", "other"], ["y"])
    let expected = Self.x.indices.map { (index: Int) -> Float in index % 2 == 0 ? Self.x[index] : 5 }
    #expect(try elements(maker, 24) == expected)
  }

  // MARK: Arithmetic

  @Test func broadcastsConstantsAndMaps() throws {
    var maker = Self.maker()
    maker.tensor("table", [2, 3], [1, 2, 3, 4, 5, 6])
    maker.node("Add", ["x", "table"], ["a"])
    maker.node("ReduceMax", ["a"], ["m"], ["axes": .ints([1, 3])])
    // A list of two axes needs the attribute's list.
    maker.node("Mul", ["a", "m"], ["y"])
    let sums = Self.x.indices.map { (index: Int) -> Float in Self.x[index] + Float(index % 6 + 1) }
    let largest = (0..<2).map { (row: Int) -> Float in
      sums.indices.filter { $0 % 6 / 3 == row }.map { sums[$0] }.max()!
    }
    let expected = sums.indices.map { (index: Int) -> Float in sums[index] * largest[index % 6 / 3] }
    expectClose(try elements(maker, 24), expected)
  }

  @Test(arguments: [
    "ReduceMean", "ReduceSum", "ReduceMax", "ReduceMin", "ReduceL1", "ReduceL2", "ReduceSumSquare",
  ])
  func reducesAnyAxes(type: String) throws {
    for axes in [[1], [2], [2, 3], [1, 2]] {
      for keeps in [0, 1] {
        var maker = Self.maker()
        maker.ints("axes", axes)
        if type == "ReduceSum" {
          maker.node(type, ["x", "axes"], ["y"], ["keepdims": .ints([Int64(keeps)])])
        } else {
          // One axis as a list of one, too.
          maker.node(type, ["x"], ["y"], ["keepdims": .ints([Int64(keeps)])])
          let last = maker.model.graph.node.count - 1
          var attribute = OnnxSubset_Attribute()
          (attribute.name, attribute.type, attribute.ints) = ("axes", 7, axes.map(Int64.init))
          maker.model.graph.node[last].attribute.append(attribute)
        }
        let shape = [1, 4, 2, 3]
        var groups: [Int: [Float]] = [:]
        for index in Self.x.indices {
          let place = [0, index / 6, index / 3 % 2, index % 3]
          let key = (0..<4).reduce(0) { axes.contains($1) ? $0 : $0 * shape[$1] + place[$1] }
          groups[key, default: []].append(Self.x[index])
        }
        let expected = groups.sorted { $0.key < $1.key }.map { _, values -> Float in
          switch type {
          case "ReduceMean": values.reduce(0, +) / Float(values.count)
          case "ReduceSum": values.reduce(0, +)
          case "ReduceMax": values.max()!
          case "ReduceMin": values.min()!
          case "ReduceL1": values.reduce(0) { $0 + abs($1) }
          case "ReduceL2": values.reduce(0) { $0 + $1 * $1 }.squareRoot()
          default: values.reduce(0) { $0 + $1 * $1 }
          }
        }
        expectClose(try elements(maker, expected.count), expected, "\(type) \(axes) \(keeps)")
      }
    }
  }

  @Test(arguments: ["Softmax", "LogSoftmax"], [1, 2, -1])
  func softmaxOverAnyAxis(type: String, axis: Int64) throws {
    var maker = Self.maker()
    maker.node(type, ["x"], ["y"], ["axis": .ints([axis])])
    let strides = [6, 3, 1][Int(axis < 0 ? 2 : axis - 1)]
    let extent = [4, 2, 3][Int(axis < 0 ? 2 : axis - 1)]
    let expected = Self.x.indices.map { (index: Int) -> Float in
      let first = index - index / strides % extent * strides
      let sum = (0..<extent).reduce(Float(0)) { (sum: Float, place: Int) -> Float in
        sum + exp(Self.x[first + place * strides])
      }
      return type == "Softmax" ? exp(Self.x[index]) / sum : Self.x[index] - log(sum)
    }
    expectClose(try elements(maker, 24), expected)
  }

  @Test func functionsOfNewerExporters() throws {
    let cases: [(String, [String: ONNXMaker.Value], (Float) -> Float)] = [
      ("Sin", [:], { sin($0) }), ("Cos", [:], { cos($0) }), ("Exp", [:], { exp($0) }),
      ("Reciprocal", [:], { 1 / $0 }), ("Abs", [:], { abs($0) }),
    ]
    for (type, attributes, function) in cases {
      var maker = Self.maker()
      maker.tensor("shift", [], [4])
      maker.node("Add", ["x", "shift"], ["a"])
      maker.node(type, ["a"], ["y"], attributes)
      expectClose(try elements(maker, 24), Self.x.map { function($0 + 4) }, type)
    }
  }

  // MARK: Products

  /// Tokens [1, 6, 4] of the input.
  private static func tokens() -> ONNXMaker {
    var maker = maker()
    maker.ints("tokens", [1, 4, 6])
    maker.node("Reshape", ["x", "tokens"], ["r"])
    maker.node("Transpose", ["r"], ["t"], ["perm": .ints([0, 2, 1])])
    return maker
  }

  private static func token(_ token: Int, _ channel: Int) -> Float { x[channel * 6 + token] }

  @Test func productsOfTwoValues() throws {
    let expected = (0..<36).map { (index: Int) -> Float in
      (0..<4).reduce(Float(0)) { $0 + Self.token(index / 6, $1) * Self.token(index % 6, $1) }
    }
    var product = Self.tokens()
    product.node("MatMul", ["t", "r"], ["y"])
    expectClose(try elements(product, 36), expected, "MatMul")
    var sum = Self.tokens()
    sum.node("Einsum", ["t", "t"], ["y"], ["equation": .text("bic, bjc -> bij")])
    expectClose(try elements(sum, 36), expected, "Einsum")
    var swapped = Self.tokens()
    swapped.node("Einsum", ["r", "t"], ["y"], ["equation": .text("bci,bjc->jbi")])
    let transposed = (0..<36).map { (index: Int) -> Float in expected[index % 6 * 6 + index / 6] }
    expectClose(try elements(swapped, 36), transposed, "Einsum")
  }

  @Test func layersAcrossTokens() throws {
    var maker = Self.tokens()
    maker.tensor("w", [6, 2], (0..<12).map { Float($0) / 4 })
    maker.tensor("b", [2], [1, 2])
    // A token mixer: a fully connected layer on what are pixels.
    maker.node("MatMul", ["r", "w"], ["m"])
    maker.node("Add", ["m", "b"], ["y"])
    let expected = (0..<8).map { (index: Int) -> Float in
      let (row, column) = (index / 2, index % 2)
      return (0..<6).reduce(Float(column + 1)) { (sum: Float, token: Int) -> Float in
        sum + Self.x[row * 6 + token] * Float(token * 2 + column) / 4
      }
    }
    expectClose(try elements(maker, 8), expected)
  }

  /// Attention of two heads of two channels, of the tokens to themselves.
  private func attention(bias: [Float]?, _ build: (inout ONNXMaker) -> Void) throws -> (
    found: [Float], expected: [Float], operations: [NetworkGraphs.Operation]
  ) {
    var maker = Self.tokens()
    maker.ints("heads", [1, 6, 2, 2])
    maker.node("Reshape", ["t", "heads"], ["h"])
    maker.node("Transpose", ["h"], ["q"], ["perm": .ints([0, 2, 1, 3])])
    maker.node("Transpose", ["h"], ["k"], ["perm": .ints([0, 2, 3, 1])])
    maker.tensor("root", [], [Float(0.5).squareRoot().squareRoot()])
    maker.node("Mul", ["q", "root"], ["qs"])
    maker.node("Mul", ["k", "root"], ["ks"])
    maker.node("MatMul", ["qs", "ks"], ["scores"])
    if let bias { maker.tensor("bias", [2, 6, 6], bias) }
    build(&maker)
    maker.node("Softmax", ["biased"], ["p"], ["axis": .ints([-1])])
    maker.node("MatMul", ["p", "q"], ["o"])
    maker.node("Transpose", ["o"], ["ot"], ["perm": .ints([0, 2, 1, 3])])
    maker.ints("joined", [1, 6, 4])
    maker.node("Reshape", ["ot", "joined"], ["y"])
    var expected: [Float] = []
    for query in 0..<6 {
      for channel in 0..<4 {
        let head = channel / 2
        let scores = (0..<6).map { (key: Int) -> Float in
          let product = (0..<2).reduce(Float(0)) { (sum: Float, depth: Int) -> Float in
            sum + Self.token(query, head * 2 + depth) * Self.token(key, head * 2 + depth)
          }
          return product * Float(0.5).squareRoot() + (bias?[(head * 6 + query) * 6 + key] ?? 0)
        }
        let sum = scores.reduce(Float(0)) { $0 + exp($1) }
        expected.append(
          (0..<6).reduce(Float(0)) { (total: Float, key: Int) -> Float in
            total + exp(scores[key]) / sum * Self.token(key, channel)
          })
      }
    }
    let found = try elements(maker, 24)
    return (found, expected, try network(maker, elements: 24).description.graph.nodes.map(\.operation))
  }

  @Test func attentionIsOneOperation() throws {
    let result = try attention(bias: nil) { $0.node("Identity", ["scores"], ["biased"]) }
    expectClose(result.found, result.expected)
    #expect(result.operations.contains { if case .crossAttention = $0 { true } else { false } })
    #expect(!result.operations.contains { if case .product = $0 { true } else { false } })
  }

  @Test func attentionWithABiasIsOneOperation() throws {
    let bias = (0..<72).map { Float($0 % 5) / 4 }
    let result = try attention(bias: bias) { $0.node("Add", ["scores", "bias"], ["biased"]) }
    expectClose(result.found, result.expected)
    #expect(result.operations.contains { if case .stridedAttention = $0 { true } else { false } })
    #expect(!result.operations.contains { if case .product = $0 { true } else { false } })
  }

  @Test func attentionOtherwiseIsComputedStepByStep() throws {
    // A factor of scores and bias together is no attention of the engine's.
    let bias = (0..<72).map { Float($0 % 3) / 4 }
    let result = try attention(bias: bias) {
      $0.tensor("two", [], [2])
      $0.tensor("half", [2, 6, 6], bias.map { $0 / 2 })
      $0.tensor("halved", [], [0.5])
      $0.node("Mul", ["scores", "halved"], ["s"])
      $0.node("Add", ["s", "half"], ["a"])
      $0.node("Mul", ["a", "two"], ["biased"])
    }
    expectClose(result.found, result.expected)
  }

  @Test func windowsTakeThePlaceOfImages() throws {
    // Softmax of the products within three windows of one column and two rows each.
    var maker = Self.maker()
    maker.ints("windows", [3, 2, 4])
    maker.node("Transpose", ["x"], ["t"], ["perm": .ints([0, 3, 2, 1])])
    maker.node("Reshape", ["t", "windows"], ["w"])
    maker.node("Transpose", ["w"], ["k"], ["perm": .ints([0, 2, 1])])
    maker.node("MatMul", ["w", "k"], ["s"])
    maker.node("Softmax", ["s"], ["p"], ["axis": .ints([-1])])
    maker.node("MatMul", ["p", "w"], ["y"])
    var expected: [Float] = []
    for column in 0..<3 {
      func value(_ row: Int, _ channel: Int) -> Float { Self.x[channel * 6 + row * 3 + column] }
      for row in 0..<2 {
        let scores = (0..<2).map { (key: Int) -> Float in
          (0..<4).reduce(Float(0)) { $0 + value(row, $1) * value(key, $1) }
        }
        let sum = scores.reduce(Float(0)) { $0 + exp($1) }
        expected += (0..<4).map { (channel: Int) -> Float in
          (0..<2).reduce(Float(0)) { $0 + exp(scores[$1]) / sum * value($1, channel) }
        }
      }
    }
    expectClose(try elements(maker, 24), expected)
  }

  // MARK: Norms

  private static func normalized(_ values: [Float], eps: Float) -> [Float] {
    let mean = values.reduce(Float(0), +) / Float(values.count)
    let squares = values.map { (value: Float) -> Float in (value - mean) * (value - mean) }
    let deviation = (squares.reduce(Float(0), +) / Float(values.count) + eps).squareRoot()
    return values.map { ($0 - mean) / deviation }
  }

  @Test(arguments: [false, true]) func layerNorms(isWrittenOut: Bool) throws {
    var maker = Self.tokens()
    maker.tensor("norm.weight", [4], [1, 2, 3, 4])
    maker.tensor("norm.bias", [4], [0.5, 0, -1, 2])
    if isWrittenOut {
      maker.tensor("eps", [], [0.25])
      maker.tensor("two", [], [2])
      func mean(_ input: String, _ output: String) {
        maker.node("ReduceMean", [input], [output])
        var attribute = OnnxSubset_Attribute()
        (attribute.name, attribute.type, attribute.ints) = ("axes", 7, [-1])
        maker.model.graph.node[maker.model.graph.node.count - 1].attribute = [attribute]
      }
      mean("t", "m")
      maker.node("Sub", ["t", "m"], ["d"])
      maker.node("Pow", ["d", "two"], ["p"])
      mean("p", "v")
      maker.node("Add", ["v", "eps"], ["e"])
      maker.node("Sqrt", ["e"], ["s"])
      maker.node("Div", ["d", "s"], ["n"])
      maker.node("Mul", ["n", "norm.weight"], ["w"])
      maker.node("Add", ["w", "norm.bias"], ["y"])
    } else {
      maker.node(
        "LayerNormalization", ["t", "norm.weight", "norm.bias"], ["y"],
        ["axis": .ints([-1]), "epsilon": .real(0.25)])
    }
    let shifts: [Float] = [0.5, 0, -1, 2]
    var expected: [Float] = []
    for token in 0..<6 {
      let row = Self.normalized((0..<4).map { Self.token(token, $0) }, eps: 0.25)
      expected += row.indices.map { (channel: Int) -> Float in
        row[channel] * Float(channel + 1) + shifts[channel]
      }
    }
    expectClose(try elements(maker, 24), expected)
    let norms = try network(maker, elements: 24).description.graph.nodes.filter {
      if case .layerNorm(let norm) = $0.operation { norm.bias == "norm.bias" } else { false }
    }
    #expect(norms.map(\.name) == ["norm"])
  }

  @Test func groupsAndInstances() throws {
    let rows = (0..<2).flatMap { group in
      Self.normalized(Array(Self.x[group * 12..<(group + 1) * 12]), eps: 1e-5)
    }
    var group = Self.maker(opset: 21)
    group.tensor("w", [4], [1, 2, 3, 4])
    group.tensor("b", [4], [0, 1, 0, 1])
    group.node("GroupNormalization", ["x", "w", "b"], ["y"], ["num_groups": .ints([2])])
    let scaled = rows.indices.map { (index: Int) -> Float in
      rows[index] * Float(index / 6 + 1) + Float(index / 6 % 2)
    }
    expectClose(try elements(group, 24), scaled)
    // As PyTorch's exporters write a group norm before version 21.
    var older = Self.maker()
    older.ints("groups", [0, 2, -1])
    older.ints("whole", [1, 4, 2, 3])
    older.tensor("one", [2], [1, 1])
    older.tensor("zero", [2], [0, 0])
    older.node("Reshape", ["x", "groups"], ["g"])
    older.node("InstanceNormalization", ["g", "one", "zero"], ["n"])
    older.node("Reshape", ["n", "whole"], ["y"])
    expectClose(try elements(older, 24), rows)
  }

  @Test(arguments: [false, true]) func standardizedWeights(isTraining: Bool) throws {
    var maker = Self.maker()
    let weight: [Float] = [1, 3, -2, 0, 5, 1, 1, 2]
    maker.tensor("conv.weight", [2, 4, 1, 1], weight)
    maker.ints("rows", [1, 2, 4])
    maker.ints("back", [2, 4, 1, 1])
    maker.tensor("one", [2], [1, 1])
    maker.tensor("zero", [2], [0, 0])
    maker.node("Reshape", ["conv.weight", "rows"], ["r"])
    if isTraining {
      maker.node(
        "BatchNormalization", ["r", "one", "zero", "zero", "one"], ["s"],
        ["training_mode": .ints([1]), "epsilon": .real(1e-6)])
    } else {
      // As the newer exporter writes it.
      maker.ints("axes", [0, 2])
      maker.node("ReduceSum", ["r", "axes"], ["sum"], ["keepdims": .ints([0])])
      maker.node("ReduceSum", ["r", "axes"], ["wide"])
      maker.tensor("four", [], [4])
      maker.node("Div", ["sum", "four"], ["mean"])
      maker.node("Div", ["wide", "four"], ["wide mean"])
      maker.node("Sub", ["r", "wide mean"], ["d"])
      maker.node("Mul", ["d", "d"], ["square"])
      maker.node("ReduceSum", ["square", "axes"], ["squares"], ["keepdims": .ints([0])])
      maker.node("Div", ["squares", "four"], ["variance"])
      maker.node(
        "BatchNormalization", ["r", "one", "zero", "mean", "variance"], ["s"], ["epsilon": .real(1e-6)])
    }
    maker.node("Reshape", ["s", "back"], ["w"])
    maker.node("Conv", ["x", "w"], ["y"])
    let rows = (0..<2).flatMap { Self.normalized(Array(weight[$0 * 4..<$0 * 4 + 4]), eps: 1e-6) }
    let expected = (0..<12).map { (index: Int) -> Float in
      let (output, pixel) = (index / 6, index % 6)
      return (0..<4).reduce(Float(0)) { (sum: Float, channel: Int) -> Float in
        sum + rows[output * 4 + channel] * Self.x[channel * 6 + pixel]
      }
    }
    expectClose(try elements(maker, 12), expected)
  }

  @Test func geluWrittenOut() throws {
    for halvesFirst in [false, true] {
      var maker = Self.maker()
      maker.tensor("root", [], [Float(2).squareRoot()])
      maker.tensor("one", [], [1])
      maker.tensor("half", [], [0.5])
      maker.node("Div", ["x", "root"], ["d"])
      maker.node("Erf", ["d"], ["e"])
      maker.node("Add", ["e", "one"], ["a"])
      if halvesFirst {
        maker.node("Mul", ["x", "half"], ["h"])
        maker.node("Mul", ["h", "a"], ["y"])
      } else {
        maker.node("Mul", ["x", "a"], ["m"])
        maker.node("Mul", ["m", "half"], ["y"])
      }
      let expected = Self.x.map { (value: Float) -> Float in
        let gate = 1 + erf(value / Float(2).squareRoot())
        return value / 2 * gate
      }
      expectClose(try elements(maker, 24), expected)
      #expect(
        try network(maker, elements: 24).description.graph.nodes.contains {
          $0.operation == .activation(.gelu)
        })
    }
  }

  // MARK: Other sizes

  /// A row of an image through one operator.
  private func row(_ values: [Float], _ width: Int, _ build: (inout ONNXMaker) -> Void) throws -> [Float] {
    var maker = ONNXMaker()
    maker.input("x", [1, 1, 1, Int64(values.count)])
    build(&maker)
    let network = try network(maker, elements: width)
    return try network.logits(Tensor(shape: [1, 1, values.count, 1], values: values)).values
  }

  @Test func resizesLinearly() throws {
    func resized(_ mode: String, _ width: Int, _ values: [Float]) throws -> [Float] {
      try row(values, width) {
        $0.ints("sizes", [1, 1, 1, width])
        $0.node(
          "Resize", ["x", "", "", "sizes"], ["y"],
          ["mode": .text("linear"), "coordinate_transformation_mode": .text(mode)])
      }
    }
    expectClose(try resized("half_pixel", 4, [0, 8]), [0, 2, 6, 8])
    expectClose(try resized("align_corners", 3, [0, 8]), [0, 4, 8])
    expectClose(try resized("asymmetric", 4, [0, 8]), [0, 4, 8, 8])
    expectClose(try resized("half_pixel", 3, [0, 6, 12, 18]), [1, 9, 17])
  }

  @Test func resizesToTheNearest() throws {
    let cases: [(String, String, Int, [Float])] = [
      ("asymmetric", "floor", 5, [1, 1, 2, 2, 3]),
      ("half_pixel", "round_prefer_floor", 6, [1, 1, 2, 2, 3, 3]),
      ("asymmetric", "ceil", 6, [1, 2, 2, 3, 3, 3]),
    ]
    for (coordinates, rounding, width, expected) in cases {
      let found = try row([1, 2, 3], width) {
        $0.ints("sizes", [1, 1, 1, width])
        $0.node(
          "Resize", ["x", "", "", "sizes"], ["y"],
          [
            "mode": .text("nearest"), "coordinate_transformation_mode": .text(coordinates),
            "nearest_mode": .text(rounding),
          ])
      }
      #expect(found == expected, "\(coordinates) \(rounding)")
    }
  }

  /// The row of ONNX's own test `resize_upsample_scales_cubic`, whose rows are one behind the other.
  @Test func resizesCubically() throws {
    var maker = ONNXMaker()
    maker.input("x", [1, 1, 4, 4])
    maker.tensor("scales", [4], [1, 1, 2, 2])
    maker.node("Resize", ["x", "", "scales"], ["y"], ["mode": .text("cubic")])
    let network = try network(maker, elements: 64)
    let found = try network.logits(Tensor(shape: [1, 4, 4, 1], values: (1...16).map { Float($0) })).values
    expectClose(
      Array(found[..<8]),
      [0.47265625, 0.76953125, 1.24609375, 1.875, 2.28125, 2.91015625, 3.38671875, 3.68359375])
  }

  /// ONNX's own test `convtranspose`.
  @Test func transposedConvolutions() throws {
    var maker = ONNXMaker()
    maker.input("x", [1, 1, 3, 3])
    maker.tensor("w", [1, 2, 3, 3], Array(repeating: 1, count: 18))
    maker.tensor("b", [2], [0, 100])
    maker.node("ConvTranspose", ["x", "w", "b"], ["y"])
    let network = try network(maker, elements: 50)
    let found = try network.logits(Tensor(shape: [1, 3, 3, 1], values: (0..<9).map { Float($0) })).values
    let sums: [Float] = [
      0, 1, 3, 3, 2, 3, 8, 15, 12, 7, 9, 21, 36, 27, 15, 9, 20, 33, 24, 13, 6, 13, 21, 15, 8,
    ]
    #expect(found == sums + sums.map { $0 + 100 })
  }

  /// Blocks of 2x2 pixels at every place of a 2x3 map, which overlap in its middle column.
  @Test func foldsBlocks() throws {
    var maker = Self.maker()
    maker.ints("size", [2, 3])
    maker.ints("block", [2, 2])
    maker.ints("two", [2])
    maker.ints("zero", [0])
    maker.ints("axis", [2])
    maker.ints("tokens", [1, 4, 6])
    maker.node("Reshape", ["x", "tokens"], ["t"])
    maker.node("Slice", ["t", "zero", "two", "axis"], ["s"])
    maker.node("Col2Im", ["s", "size", "block"], ["y"])
    func value(_ tap: Int, _ place: Int) -> Float { Self.x[tap * 6 + place] }
    let expected = [0, 2].flatMap { tap in
      [value(tap, 0), value(tap + 1, 0) + value(tap, 1), value(tap + 1, 1)]
    }
    expectClose(try elements(maker, 6), expected)
  }

  @Test func fixedGraphsHoldForTheirSizeAlone() throws {
    var maker = Self.tokens()
    maker.tensor("pos_embed", [1, 6, 4], (0..<24).map { Float($0) })
    maker.node("Add", ["t", "pos_embed"], ["y"])
    let expected = (0..<24).map { (index: Int) -> Float in Self.token(index / 4, index % 4) + Float(index) }
    expectClose(try elements(maker, 24), expected)
    let error = #expect(throws: NetworkError.self) {
      try network(maker, elements: 24).logits(Tensor(shape: [1, 4, 6, 4]))
    }
    #expect(error == .inputOfOtherExport(height: 4, width: 6, onlyHeight: 2, onlyWidth: 3))
    #expect(error?.description.contains("for 2x3 pixels alone; export it for this size") == true)
  }

  /// A file that leaves the size open but has weights for a number of tokens.
  @Test func openSizesAreThoseOfTheWeights() throws {
    var maker = ONNXMaker()
    maker.input("x", [1, 1, 0, 0])
    maker.output("logits")
    maker.tensor("patch", [1, 1, 32, 32], Array(repeating: 1, count: 1024))
    maker.node("Conv", ["x", "patch"], ["c"], ["strides": .ints([32, 32])])
    maker.tensor("pos_embed", [1, 1, 12, 12], (0..<144).map { Float($0) })
    maker.node("Add", ["c", "pos_embed"], ["a"])
    maker.node("GlobalAveragePool", ["a"], ["p"])
    maker.node("Flatten", ["p"], ["logits"])
    let model = try maker.parsed()
    let network = try Network(ONNXCheckpoint(model), onnx: model, pool: ThreadPool(threads: 1))
    #expect(try network.logits(Tensor(shape: [1, 384, 384, 1])).values == [71.5])
    #expect(throws: NetworkError.self) { try network.logits(Tensor(shape: [1, 224, 224, 1])) }
  }

  // MARK: After the logits

  @Test(arguments: ["ArgMax", "TopK"], [false, true])
  func rankingIsLeftOut(type: String, isOfProbabilities: Bool) throws {
    var maker = Self.maker()
    maker.output("best")
    maker.node("GlobalAveragePool", ["x"], ["p"])
    maker.node("Flatten", ["p"], ["f"])
    maker.ints("k", [2])
    if isOfProbabilities { maker.node("Softmax", ["f"], ["s"], ["axis": .ints([1])]) }
    let input = isOfProbabilities ? "s" : "f"
    maker.node(
      type, type == "TopK" ? [input, "k"] : [input], type == "TopK" ? ["best", "places"] : ["best"])
    let model = try maker.parsed()
    let network = try Network(ONNXCheckpoint(model), onnx: model, pool: ThreadPool(threads: 1))
    let pixels = (0..<6).flatMap { pixel in (0..<4).map { Self.x[$0 * 6 + pixel] } }
    let found = try network.logits(Tensor(shape: [1, 2, 3, 4], values: pixels)).values
    let means = (0..<4).map { (channel: Int) -> Float in
      Self.x[channel * 6..<channel * 6 + 6].reduce(Float(0), +) / 6
    }
    expectClose(found, means)
  }

  // MARK: Hostile numbers

  @Test func impossibleNumbersAreRefused() throws {
    let cases: [(String, (inout ONNXMaker) -> Void)] = [
      (
        "Expand",
        {
          $0.ints("n", [1 << 40, 4, 2, 3])
          $0.node("Expand", ["x", "n"], ["y"])
        }
      ),
      (
        "Tile",
        {
          $0.ints("n", [.max, .max, 1, 1])
          $0.node("Tile", ["x", "n"], ["y"])
        }
      ),
      (
        "Gather",
        {
          $0.ints("n", [.min])
          $0.node("Gather", ["x", "n"], ["y"], ["axis": .ints([3])])
        }
      ),
      (
        "GatherND",
        {
          $0.ints("n", [0, 9])
          $0.node("GatherND", ["x", "n"], ["y"])
        }
      ),
      (
        "ScatterND",
        {
          $0.ints("n", [0, -9])
          $0.node("ScatterND", ["x", "n", "n"], ["y"])
        }
      ),
      ("Einsum", { $0.node("Einsum", ["x", "x"], ["y"], ["equation": .text("->")]) }),
      ("Einsum", { $0.node("Einsum", ["x", "x"], ["y"], ["equation": .text("abcd,abce->ab")]) }),
      ("Softmax", { $0.node("Softmax", ["x"], ["y"], ["axis": .ints([.max])]) }),
      ("MatMul", { $0.node("MatMul", ["x", "x"], ["y"]) }),
      ("TopK", { $0.node("TopK", ["x"], ["y"]) }),
      ("GroupNormalization", { $0.node("GroupNormalization", ["x"], ["y"], ["num_groups": .ints([.min])]) }),
      (
        "Resize",
        {
          $0.tensor("s", [4], [1, 1, .infinity, .nan])
          $0.node("Resize", ["x", "", "s"], ["y"])
        }
      ),
      (
        "ConvTranspose",
        {
          $0.tensor("w", [4, 1, 1, 1], [1, 1, 1, 1])
          $0.node("ConvTranspose", ["x", "w"], ["y"], ["group": .ints([.max])])
        }
      ),
      (
        "Trilu",
        {
          $0.tensor("m", [2, 2], [1, 1, 1, 1])
          $0.ints("k", [.min])
          $0.node("Trilu", ["m", "k"], ["t"])
          $0.node("Mul", ["x", "t"], ["y"])
        }
      ),
      (
        "ReduceSum",
        {
          $0.ints("axes", [.min])
          $0.node("ReduceSum", ["x", "axes"], ["y"])
        }
      ),
    ]
    for (type, build) in cases {
      var maker = Self.maker()
      build(&maker)
      #expect(try message(maker).hasPrefix("test.onnx: "), "\(type)")
    }
  }

  @Test func arithmeticOnConstantsIsBounded() throws {
    let cases: [(String, (inout ONNXMaker) -> Void)] = [
      (
        "has too many axes",
        {
          $0.ints("n", Array(repeating: 1, count: 40))
          $0.node("ConstantOfShape", ["n"], ["c"])
          $0.node("Mul", ["x", "c"], ["y"])
        }
      ),
      (
        // Reading a constant again and again takes time, too.
        "computes with more constants",
        {
          $0.ints("n", [1 << 20])
          $0.node("ConstantOfShape", ["n"], ["c"])
          for index in 0..<20 { $0.node("ReduceMax", ["c"], ["\(index)"]) }
          $0.node("Sum", ["x"] + (0..<20).map { "\($0)" }, ["y"])
        }
      ),
      (
        // Data that are not there allow no more.
        "computes with more constants",
        {
          $0.tensor("e", [1 << 27], [])
          $0.ints("n", [1 << 23])
          $0.node("ConstantOfShape", ["n"], ["c"])
          $0.node("ReduceMax", ["c"], ["m"])
          $0.node("Mul", ["x", "m"], ["y"])
          var location = OnnxSubset_Entry()
          (location.key, location.value) = ("location", "missing")
          let index = $0.model.graph.initializer.firstIndex { $0.name == "e" }!
          $0.model.graph.initializer[index].dataLocation = 1
          $0.model.graph.initializer[index].externalData = [location]
        }
      ),
    ]
    for (reason, build) in cases {
      var maker = Self.maker()
      build(&maker)
      #expect(try message(maker, 24).contains(reason), "\(reason)")
    }
  }
}

/// Steps through maps.
struct StridedAxisTests {
  private func axis(_ extent: Int, _ pixels: Int, _ channels: Int) -> StridedAxis {
    StridedAxis(extent: extent, pixels: pixels, channels: channels)
  }

  @Test func joinsWhatContinues() {
    #expect(StridedAxis.merged([axis(2, 3, 0), axis(1, 9, 9), axis(3, 1, 0)]) == [axis(6, 1, 0)])
    #expect(StridedAxis.merged([axis(2, 1, 0), axis(3, 2, 0)]).count == 2)
    #expect(StridedAxis.merged([axis(2, 0, 0), axis(3, 0, 0)]) == [axis(6, 0, 0)])
  }

  @Test func splitsAlike() {
    let refined = StridedAxis.refined([[axis(6, 1, 0)], [axis(2, 0, 12), axis(3, 0, 1)]])
    #expect(refined == [[axis(2, 3, 0), axis(3, 1, 0)], [axis(2, 0, 12), axis(3, 0, 1)]])
    #expect(StridedAxis.refined([[axis(6, 1, 0)], [axis(4, 1, 0)]]) == nil)
    #expect(StridedAxis.refined([[axis(2, 3, 0), axis(3, 1, 0)], [axis(3, 2, 0), axis(2, 1, 0)]]) == nil)
  }
}
