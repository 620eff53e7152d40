import Checkpoint
import Platform
import Statistics
import TensorMath
import Testing

@testable import NetworkExecution
@testable import NetworkGraphs

/// Layers that change the size of a map, against their definitions.
struct ONNXSpatialTests {
  private static func maker(_ shape: [Int64], opset: Int64 = 17) -> ONNXMaker {
    ONNXPartTests.maker(shape, opset: opset)
  }

  private static func random(_ count: Int, seed: UInt64) -> [Float] {
    var generator = SeededGenerator(seed: seed)
    return (0..<count).map { _ in Float(2 * generator.uniform() - 1) }
  }

  /// The map of a node, `[rows][columns][channels]`.
  private func map(
    _ name: String, of maker: ONNXMaker, height: Int, width: Int, _ values: [Float]
  ) throws -> Tensor {
    let network = try ONNXPartTests.part(maker)
    let channels = network.inputChannels
    return try #require(
      network.features(
        of: [name], Tensor(shape: [1, height, width, channels], values: values))[name])
  }

  // MARK: Transposed convolutions

  struct Transposed: Sendable, CustomTestStringConvertible {
    var groups = 1
    var kernel = 2
    var stride = 2
    var pads = [0, 0, 0, 0]
    var added = 0
    var dilation = 1
    var testDescription: String {
      "groups \(groups), kernel \(kernel), stride \(stride), pads \(pads), added \(added), dilation \(dilation)"
    }
  }

  @Test(arguments: [
    Transposed(), Transposed(kernel: 3, pads: [1, 1, 1, 1], added: 1),
    Transposed(kernel: 4, pads: [1, 1, 1, 1]),
    Transposed(groups: 2, kernel: 3, pads: [1, 0, 0, 1]),
    Transposed(groups: 4, kernel: 4, pads: [1, 1, 1, 1]),
    Transposed(kernel: 3, stride: 1, pads: [2, 2, 2, 2], dilation: 2),
    Transposed(kernel: 2, stride: 3, added: 2),
  ])
  func transposedConvolutionsFollowTheirDefinition(_ layer: Transposed) throws {
    let (height, width, inputs, outputs) = (5, 4, 4, 8)
    let perGroup = outputs / layer.groups
    let weights = Self.random(inputs * perGroup * layer.kernel * layer.kernel, seed: 1)
    let bias = Self.random(outputs, seed: 2)
    let x = Self.random(height * width * inputs, seed: 3)
    var maker = Self.maker([1, 4, 5, 4])
    maker.tensor(
      "up.weight", [Int64(inputs), Int64(perGroup), Int64(layer.kernel), Int64(layer.kernel)], weights)
    maker.tensor("up.bias", [Int64(outputs)], bias)
    maker.node(
      "ConvTranspose", ["x", "up.weight", "up.bias"], ["y"],
      [
        "strides": .ints([Int64(layer.stride), Int64(layer.stride)]),
        "pads": .ints(layer.pads.map { Int64($0) }),
        "output_padding": .ints([Int64(layer.added), Int64(layer.added)]),
        "dilations": .ints([Int64(layer.dilation), Int64(layer.dilation)]),
        "group": .ints([Int64(layer.groups)]),
      ])
    maker.norm("n", "y", "end", channels: outputs)

    func extent(_ size: Int, _ before: Int, _ after: Int) -> Int {
      (size - 1) * layer.stride + (layer.kernel - 1) * layer.dilation + 1 - before - after + layer.added
    }
    let rows = extent(height, layer.pads[0], layer.pads[2])
    let columns = extent(width, layer.pads[1], layer.pads[3])
    var expected = [Double](repeating: 0, count: rows * columns * outputs)
    for index in expected.indices { expected[index] = Double(bias[index % outputs]) }
    for y in 0..<height {
      for x0 in 0..<width {
        for input in 0..<inputs {
          let group = input / (inputs / layer.groups)
          for output in 0..<perGroup {
            for ky in 0..<layer.kernel {
              for kx in 0..<layer.kernel {
                let row = y * layer.stride + ky * layer.dilation - layer.pads[0]
                let column = x0 * layer.stride + kx * layer.dilation - layer.pads[1]
                guard (0..<rows).contains(row), (0..<columns).contains(column) else { continue }
                let weight = weights[((input * perGroup + output) * layer.kernel + ky) * layer.kernel + kx]
                expected[(row * columns + column) * outputs + group * perGroup + output] +=
                  Double(weight) * Double(x[(y * width + x0) * inputs + input])
              }
            }
          }
        }
      }
    }
    let found = try map("up", of: maker, height: height, width: width, x)
    #expect(found.shape == [1, rows, columns, outputs])
    for (a, b) in zip(found.values, expected) { #expect(abs(Double(a) - b) < 1e-5) }
  }

  @Test func refusesATransposedConvolutionOfAFixedOutput() throws {
    var maker = Self.maker([1, 4, 5, 4])
    maker.tensor("up.weight", [4, 2, 2, 2], Array(repeating: 1, count: 32))
    maker.node("ConvTranspose", ["x", "up.weight"], ["y"], ["output_shape": .ints([10, 8])])
    maker.norm("n", "y", "end", channels: 2)
    #expect(try ONNXPartTests.message(maker).contains("output_shape is not supported"))
  }

  // MARK: Resizing

  /// A row at another size.
  private func values(_ resampling: Resampling, _ x: [Float], outputs: Int, factor: Double? = nil) -> [Float]
  {
    resampling.taps(inputs: x.count, outputs: outputs, factor: factor).map { taps in
      taps.reduce(0) { $0 + $1.weight * x[$1.place] }
    }
  }

  /// Values that PyTorch's `interpolate` and ONNX's definition give.
  @Test func resizesLinearlyInAllCoordinates() {
    func linear(_ coordinates: Resampling.Coordinates) -> Resampling {
      Resampling(filter: .linear, coordinates: coordinates, target: .like)
    }
    #expect(values(linear(.halfPixel), [1, 2], outputs: 4) == [1, 1.25, 1.75, 2])
    #expect(values(linear(.asymmetric), [1, 2], outputs: 4) == [1, 1.5, 2, 2])
    #expect(values(linear(.pytorchHalfPixel), [1, 2, 4], outputs: 1) == [1])
    #expect(values(linear(.halfPixel), [1, 2, 4], outputs: 1) == [2])
    #expect(values(linear(.alignCorners), [1, 2, 4], outputs: 5) == [1, 1.5, 2, 3, 4])
    #expect(values(linear(.alignCorners), [3, 2], outputs: 1) == [3])
    // 5 of 4 * 1.3 = 5.2 positions are taken, centered.
    let symmetric = values(linear(.halfPixelSymmetric), [0, 1, 2, 3], outputs: 5, factor: 1.3)
    for (a, b) in zip(symmetric, [0, 0.7307692, 1.5, 2.2692308, 3] as [Float]) { #expect(abs(a - b) < 1e-5) }
  }

  @Test func cubicWeightsWithoutWhatIsOutsideSumToOne() {
    let cubic = Resampling(
      filter: .cubic(coefficient: -0.5, excludesOutside: true), coordinates: .halfPixel, target: .like)
    for value in values(cubic, [3, 3, 3, 3], outputs: 9) { #expect(abs(value - 3) < 1e-5) }
    // The weights at 1/4 after the first pixel are -0.0703125, 0.8671875, 0.2265625 and -0.0234375.
    let first = values(cubic, [1, 0, 0, 0], outputs: 8)[1]
    #expect(abs(first - 0.8671875 / (0.8671875 + 0.2265625 - 0.0234375)) < 1e-5)
  }

  @Test func roundsToTheNearestPixelAsAsked() {
    func nearest(_ rounding: Resampling.Rounding, _ coordinates: Resampling.Coordinates) -> [Float] {
      values(
        Resampling(filter: .nearest(rounding), coordinates: coordinates, target: .like), [0, 1, 2, 3],
        outputs: 8)
    }
    #expect(nearest(.floor, .asymmetric) == [0, 0, 1, 1, 2, 2, 3, 3])
    #expect(nearest(.preferFloor, .asymmetric) == [0, 0, 1, 1, 2, 2, 3, 3])
    #expect(nearest(.preferCeil, .asymmetric) == [0, 1, 1, 2, 2, 3, 3, 3])
    #expect(nearest(.ceil, .asymmetric) == [0, 1, 1, 2, 2, 3, 3, 3])
    #expect(nearest(.preferFloor, .halfPixel) == [0, 0, 1, 1, 2, 2, 3, 3])
    #expect(nearest(.floor, .halfPixel) == [0, 0, 0, 1, 1, 2, 2, 3])
    #expect(nearest(.floor, .tfHalfPixelForNearest) == [0, 0, 1, 1, 2, 2, 3, 3])
  }

  @Test func sizesOfFractionalFactorsAreRoundedDown() {
    #expect(Resampling.extent(10, 1.5) == 15)
    #expect(Resampling.extent(7, 1.5) == 10)
    #expect(Resampling.extent(3, 0.25) == 0)
  }

  private func resized(_ attributes: [String: ONNXMaker.Value], factors: [Float], opset: Int64 = 17)
    -> ONNXMaker
  {
    var maker = Self.maker([1, 1, 2, 3], opset: opset)
    maker.tensor("factors", [4], factors)
    maker.node("Resize", opset < 11 ? ["x", "factors"] : ["x", "", "factors"], ["y"], attributes)
    maker.norm("n", "y", "end", channels: 1)
    return maker
  }

  @Test func resizesMapsBilinearly() throws {
    let maker = resized(["mode": .text("linear")], factors: [1, 1, 2, 1])
    let found = try map("y", of: maker, height: 2, width: 3, [1, 2, 3, 5, 6, 7])
    #expect(found.shape == [1, 4, 3, 1])
    #expect(found.values == [1, 2, 3, 2, 3, 4, 4, 5, 6, 5, 6, 7])
  }

  @Test func repeatsPixelsInOldOperatorSets() throws {
    for (opset, type) in [(10, "Resize"), (9, "Upsample")] as [(Int64, String)] {
      var maker = Self.maker([1, 1, 2, 3], opset: opset)
      maker.tensor("factors", [4], [1, 1, 2, 2])
      maker.node(type, ["x", "factors"], ["y"], ["mode": .text("nearest")])
      maker.norm("n", "y", "end", channels: 1)
      let found = try map("y", of: maker, height: 2, width: 3, [1, 2, 3, 4, 5, 6])
      #expect(found.values == [1, 1, 2, 2, 3, 3, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 4, 4, 5, 5, 6, 6])
    }
  }

  @Test func refusesWhatItDoesNotInterpolate() throws {
    let cases: [([String: ONNXMaker.Value], String)] = [
      (["mode": .text("area")], "nearest, linear and cubic are"),
      (["mode": .text("linear"), "exclude_outside": .ints([1])], "exclude_outside"),
      (["coordinate_transformation_mode": .text("tf_crop_and_resize")], "tf_crop_and_resize"),
      (["antialias": .ints([1])], "antialias"),
      (["keep_aspect_ratio_policy": .text("not_larger")], "aspect ratio"),
    ]
    for (attributes, reason) in cases {
      let message = try ONNXPartTests.message(resized(attributes, factors: [1, 1, 2, 2]))
      #expect(message.contains(reason), "\(message)")
    }
  }

  /// PyTorch's exporter writes a bilinear resizing by the centers of pixels as one by their corners there.
  @Test func refusesPyTorchsBilinearResizingInOldOperatorSets() throws {
    for (producer, opset, isRefused) in [("pytorch", 9, true), ("tf2onnx", 9, false), ("pytorch", 11, false)]
    {
      var maker = Self.maker([1, 1, 2, 2], opset: Int64(opset))
      maker.model.producerName = producer
      maker.tensor("factors", [4], [1, 1, 2, 2])
      if opset == 9 {
        maker.node("Upsample", ["x", "factors"], ["y"], ["mode": .text("linear")])
      } else {
        maker.node("Resize", ["x", "", "factors"], ["y"], ["mode": .text("linear")])
      }
      maker.norm("n", "y", "end", channels: 1)
      if isRefused {
        #expect(try ONNXPartTests.message(maker).contains("how PyTorch places the pixels"))
      } else {
        #expect(try ONNXPartTests.part(maker).batchNorms.count == 1)
      }
    }
  }

  /// x halved by a pooling with a remainder and brought back to its own size by the arithmetic of shapes.
  private func backToItsSize(_ shape: [Int64]) -> ONNXMaker {
    var maker = Self.maker(shape)
    maker.node(
      "MaxPool", ["x"], ["half"], ["kernel_shape": .ints([2, 2]), "strides": .ints([2, 2])])
    maker.node("Shape", ["x"], ["shape"])
    maker.node("Shape", ["half"], ["own"])
    maker.ints("zero", [0])
    maker.ints("two", [2])
    maker.ints("four", [4])
    maker.node("Slice", ["own", "zero", "two"], ["front"])
    maker.node("Slice", ["shape", "two", "four"], ["back"])
    maker.node("Concat", ["front", "back"], ["sizes"], ["axis": .ints([0])])
    maker.node("Resize", ["half", "", "", "sizes"], ["large"], ["mode": .text("linear")])
    maker.node("Concat", ["x", "large"], ["y"], ["axis": .ints([1])])
    maker.norm("n", "y", "end", channels: 4)
    return maker
  }

  @Test func sizesFromShapeArithmeticFollowTheInput() throws {
    let network = try ONNXPartTests.part(backToItsSize([1, 2, 0, 0]))
    for (height, width) in [(64, 64), (47, 33), (5, 6)] {
      let map = try #require(
        try network.features(
          of: ["y"],
          Tensor(shape: [1, height, width, 2], values: Array(repeating: 1, count: height * width * 2))
        )["y"])
      #expect(map.shape == [1, height, width, 4])
    }
  }

  /// Twice the size of a map that was halved rounding up is that of another, halved rounding down, at some sizes only.
  @Test func sizesThatAgreeByChanceConfineTheInput() throws {
    var maker = Self.maker([1, 2, 0, 0])
    let half = ["kernel_shape": ONNXMaker.Value.ints([2, 2]), "strides": .ints([2, 2])]
    maker.node("MaxPool", ["x"], ["down"], half)
    maker.node("MaxPool", ["down"], ["up"], half.merging(["ceil_mode": .ints([1])]) { $1 })
    maker.node("Shape", ["up"], ["own"])
    maker.ints("factors", [1, 1, 2, 2])
    maker.node("Mul", ["own", "factors"], ["sizes"])
    maker.node("Resize", ["up", "", "", "sizes"], ["y"], ["mode": .text("linear")])
    maker.norm("n", "y", "end", channels: 2)
    let network = try ONNXPartTests.part(maker)
    func shape(_ side: Int) throws -> [Int]? {
      let values = [Float](repeating: 1, count: side * side * 2)
      return try network.features(of: ["y"], Tensor(shape: [1, side, side, 2], values: values))["y"]?.shape
    }
    #expect(try shape(8) == [1, 4, 4, 2])
    #expect(throws: NetworkError.inputNotDivisible(height: 6, width: 6, divisor: 4)) { try shape(6) }
  }

  @Test func resizedMapsOfOneSizeFollowTheMapsThatTheyAreJoinedWith() throws {
    for (height, width) in [(7, 9), (9, 9), (12, 6)] {
      let count = height * width * 2
      let found = try map(
        "y", of: backToItsSize([1, 2, 7, 9]), height: height, width: width, (0..<count).map { Float($0) })
      #expect(found.shape == [1, height, width, 4])
    }
  }

  @Test func otherFixedSizesHoldForTheExportAlone() throws {
    var maker = Self.maker([1, 1, 4, 4])
    maker.ints("sizes", [1, 1, 8, 8])
    maker.node("Resize", ["x", "", "", "sizes"], ["y"], ["mode": .text("linear")])
    maker.norm("n", "y", "end", channels: 1)
    let network = try ONNXPartTests.part(maker)
    func run(_ size: Int) throws {
      try network.measureBatchStatistics(
        Tensor(shape: [1, size, size, 1], values: Array(repeating: 1, count: size * size))
      ) { _, _ in }
    }
    try run(4)
    #expect(throws: NetworkError.inputOfOtherExport(height: 8, width: 8, onlyHeight: 4, onlyWidth: 4)) {
      try run(8)
    }
  }

  @Test func aPixelBecomesAsLargeAsTheMapThatItIsJoinedWith() throws {
    // The pooling branch of DeepLab's ASPP, exported with one size.
    var maker = Self.maker([1, 2, 6, 6])
    maker.node("GlobalAveragePool", ["x"], ["mean"])
    maker.ints("sizes", [1, 2, 6, 6])
    maker.node("Resize", ["mean", "", "", "sizes"], ["large"], ["mode": .text("linear")])
    maker.node("Concat", ["x", "large"], ["y"], ["axis": .ints([1])])
    maker.norm("n", "y", "end", channels: 4)
    let values = (0..<40).map { Float($0) }
    let found = try map("y", of: maker, height: 4, width: 5, values)
    #expect(found.shape == [1, 4, 5, 4])
    #expect(found.values[2] == 19 && found.values[3] == 20)
  }

  // MARK: Blocks

  @Test func fourSlicesAreFocus() throws {
    var maker = Self.maker([1, 1, 4, 6])
    maker.ints("end", [Int(Int32.max)])
    maker.ints("step", [2])
    for (index, start) in [(0, 0), (1, 0), (0, 1), (1, 1)].enumerated() {
      maker.ints("row\(index)", [start.0])
      maker.ints("column\(index)", [start.1])
      maker.ints("rows\(index)", [2])
      maker.ints("columns\(index)", [3])
      maker.node("Slice", ["x", "row\(index)", "end", "rows\(index)", "step"], ["a\(index)"])
      maker.node("Slice", ["a\(index)", "column\(index)", "end", "columns\(index)", "step"], ["b\(index)"])
    }
    maker.node("Concat", ["b0", "b1", "b2", "b3"], ["y"], ["axis": .ints([1])])
    maker.norm("n", "y", "out", channels: 4)
    let values = (0..<24).map { Float($0) }
    let found = try map("y", of: maker, height: 4, width: 6, values)
    #expect(found.shape == [1, 2, 3, 4])
    // Row and column of the four pixels of each block, in YOLOv5's order.
    #expect(Array(found.values[..<8]) == [0, 6, 1, 7, 2, 8, 3, 9])
  }

  /// A last column that is left out at one size may be there at another.
  @Test func stepsToAGivenEndHoldForTheExportAlone() throws {
    for (end, holds) in [(6, false), (.max, true)] as [(Int, Bool)] {
      var maker = Self.maker([1, 1, 2, 6])
      maker.ints("start", [1])
      maker.ints("end", [end])
      maker.ints("axis", [3])
      maker.ints("step", [2])
      maker.node("Slice", ["x", "start", "end", "axis", "step"], ["y"])
      maker.norm("n", "y", "out", channels: 1)
      let found = try map("y", of: maker, height: 2, width: 6, (0..<12).map { Float($0) })
      #expect(found.values == [1, 3, 5, 7, 9, 11])
      let network = try ONNXPartTests.part(maker)
      let wider = Tensor(shape: [1, 2, 8, 1], values: (0..<16).map { Float($0) })
      if holds {
        #expect(try network.features(of: ["y"], wider)["y"]?.values == [1, 3, 5, 7, 9, 11, 13, 15])
      } else {
        #expect(throws: NetworkError.self) { try network.features(of: ["y"], wider) }
      }
    }
  }

  @Test func depthBecomesSpaceInBothOrders() throws {
    for (mode, expected) in [("DCR", [0, 2, 4, 6]), ("CRD", [0, 1, 2, 3])] as [(String, [Float])] {
      var maker = Self.maker([1, 8, 1, 1])
      maker.node("DepthToSpace", ["x"], ["y"], ["blocksize": .ints([2]), "mode": .text(mode)])
      maker.norm("n", "y", "end", channels: 2)
      let found = try map("y", of: maker, height: 1, width: 1, (0..<8).map { Float($0) })
      #expect(found.shape == [1, 2, 2, 2])
      #expect(stride(from: 0, to: 8, by: 2).map { found.values[$0] } == expected, "\(mode)")
    }
  }

  @Test func channelsThatJoinRowsAndColumnsAreDepthToSpace() throws {
    // PyTorch's pixel_shuffle, written out.
    var maker = Self.maker([1, 8, 2, 3])
    maker.ints("split", [0, 2, 2, 2, 2, 3])
    maker.ints("whole", [0, 2, 4, 6])
    maker.node("Reshape", ["x", "split"], ["a"])
    maker.node("Transpose", ["a"], ["b"], ["perm": .ints([0, 1, 4, 2, 5, 3])])
    maker.node("Reshape", ["b", "whole"], ["c"])
    maker.node("MaxPool", ["c"], ["y"], ["kernel_shape": .ints([1, 1])])
    maker.norm("n", "y", "end", channels: 2)
    let found = try map("y", of: maker, height: 2, width: 3, (0..<48).map { Float($0) })
    #expect(found.shape == [1, 4, 6, 2])
    // Channel 4 c + 2 row + column of the first pixel.
    let block: [Int] = [0, 1, 6, 7]
    let first = block.map { found.values[2 * $0] }
    let second = block.map { found.values[2 * $0 + 1] }
    #expect(first == [0, 1, 2, 3] && second == [4, 5, 6, 7])
  }

  // MARK: Weights

  @Test func fusionWeightsOfTheFileAreComputed() throws {
    // BiFPN: relu(w) / (sum + eps).
    var maker = Self.maker([1, 2, 3, 3])
    maker.tensor("fusion", [2], [3, -1])
    maker.tensor("eps", [], [0.25])
    maker.ints("first", [0])
    maker.node("Relu", ["fusion"], ["positive"])
    maker.node("ReduceSum", ["positive"], ["sum"], ["keepdims": .ints([0])])
    maker.node("Add", ["sum", "eps"], ["divisor"])
    maker.node("Div", ["positive", "divisor"], ["weights"])
    maker.node("Slice", ["weights", "first", "one"], ["w"])
    maker.ints("one", [1])
    maker.node("Mul", ["x", "w"], ["y"])
    maker.norm("n", "y", "end", channels: 2)
    let found = try map("y", of: maker, height: 3, width: 3, Array(repeating: 13, count: 18))
    for value in found.values { #expect(abs(value - 12) < 1e-5) }
  }

  @Test func mapsStackedAfterTheirAxesAreSummedByWeights() throws {
    // EfficientDet's sums: the softmax of weights, over maps along a last axis.
    var maker = Self.maker([1, 2, 3, 3])
    maker.tensor("fusion", [2], [0, 1.0986123])
    maker.ints("last", [4])
    maker.node("Softmax", ["fusion"], ["weights"], ["axis": .ints([0])])
    maker.node("Unsqueeze", ["x", "last"], ["a"])
    maker.tensor("three", [], [3])
    maker.node("Mul", ["x", "three"], ["triple"])
    maker.node("Unsqueeze", ["triple", "last"], ["b"])
    maker.node("Concat", ["a", "b"], ["stack"], ["axis": .ints([4])])
    maker.node("Mul", ["stack", "weights"], ["weighted"])
    maker.node("ReduceSum", ["weighted", "last"], ["y"], ["keepdims": .ints([0])])
    maker.norm("n", "y", "end", channels: 2)
    let values = (0..<18).map { Float($0) }
    let found = try map("y", of: maker, height: 3, width: 3, values)
    // 1/4 x + 3/4 3 x
    for (a, b) in zip(found.values, values) { #expect(abs(a - 2.5 * b) < 1e-4) }
  }

  @Test func fixedStatisticsAreScaleAndShift() throws {
    // FrozenBatchNorm2d: x * (w * rsqrt(v + eps)) + (b - m * scale).
    var maker = Self.maker([1, 2, 3, 3])
    for (name, values) in [("w", [2, 3]), ("b", [1, 0]), ("m", [4, 1]), ("v", [3, 8])] as [(String, [Float])]
    {
      maker.tensor(name, [1, 2, 1, 1], values)
    }
    maker.tensor("eps", [], [1])
    maker.node("Add", ["v", "eps"], ["sum"])
    maker.node("Sqrt", ["sum"], ["root"])
    maker.node("Reciprocal", ["root"], ["inverse"])
    maker.node("Mul", ["w", "inverse"], ["scale"])
    maker.node("Mul", ["m", "scale"], ["moved"])
    maker.node("Sub", ["b", "moved"], ["shift"])
    maker.node("Mul", ["x", "scale"], ["scaled"])
    maker.node("Add", ["scaled", "shift"], ["y"])
    maker.norm("n", "y", "end", channels: 2)
    let found = try map("y", of: maker, height: 3, width: 3, (0..<18).map { Float($0) })
    #expect(Array(found.values[..<4]) == [-3, 0, -1, 2])
  }
}
