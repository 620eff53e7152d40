import CNetworkKernels
import Checkpoint
import Foundation
import Platform
import Statistics
import TensorMath
import Testing

@testable import NetworkExecution
@testable import NetworkGraphs

/// Layers of transformers against their definitions in float64.
struct TokenLayerTests {
  private static func random(_ count: Int, seed: UInt64) -> [Float] {
    var generator = SeededGenerator(seed: seed)
    return (0..<count).map { _ in Float(generator.normal()) }
  }

  private static func error(_ found: [Float], _ expected: [Double]) -> Double {
    guard found.count == expected.count else { return .infinity }
    return zip(found, expected).reduce(0) { max($0, abs(Double($1.0) - $1.1)) }
      / expected.reduce(1e-30) { max($0, abs($1)) }
  }

  // MARK: Kernels

  @Test(arguments: LayerKernelTests.variants, [1, 5, 16, 33, 192])
  func layerNormIsThatOfEveryRow(variant: LayerKernelTests.Variant, channels: Int) {
    let (rows, stride) = (3, channels + 2)
    let x = Self.random(rows * stride, seed: 1).map { 3 * $0 + 5 }
    let (weight, bias) = (Self.random(channels, seed: 2), Self.random(channels, seed: 3))
    for hasFactors in [false, true] {
      var y = [Float](repeating: 99, count: rows * stride)
      y.withUnsafeMutableBufferPointer { y in
        x.withUnsafeBufferPointer { x in
          weight.withUnsafeBufferPointer { weight in
            bias.withUnsafeBufferPointer { bias in
              var job = ck_layer_norm(
                y: y.baseAddress, y_stride: stride, x: x.baseAddress, x_stride: stride,
                weight: hasFactors ? weight.baseAddress : nil, bias: hasFactors ? bias.baseAddress : nil,
                rows: rows, channels: channels, eps: 1e-2)
              variant.kernels.layer_norm(&job)
            }
          }
        }
      }
      for row in 0..<rows {
        let values = x[row * stride..<row * stride + channels].map(Double.init)
        let mean = values.reduce(0, +) / Double(channels)
        let variance = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(channels)
        for channel in 0..<stride {
          guard channel < channels else {
            #expect(y[row * stride + channel] == 99)
            continue
          }
          let normal = (values[channel] - mean) / (variance + Double(Float(1e-2))).squareRoot()
          let expected = hasFactors ? normal * Double(weight[channel]) + Double(bias[channel]) : normal
          #expect(abs(Double(y[row * stride + channel]) - expected) < 1e-5 * max(1, abs(expected)))
        }
      }
    }
  }

  private func softmax(
    _ variant: LayerKernelTests.Variant, _ x: [Float], bias: [Float]?, rows: Int, columns: Int
  ) -> [Float] {
    var y = x
    y.withUnsafeMutableBufferPointer { y in
      (bias ?? []).withUnsafeBufferPointer { values in
        var job = ck_softmax(
          x: y.baseAddress, x_stride: x.count / rows, bias: bias == nil ? nil : values.baseAddress,
          bias_stride: columns, rows: rows, columns: columns)
        variant.kernels.softmax(&job)
      }
    }
    return y
  }

  @Test(arguments: LayerKernelTests.variants, [1, 7, 16, 49, 197])
  func softmaxIsThatOfEveryRow(variant: LayerKernelTests.Variant, columns: Int) {
    let (rows, stride) = (3, columns + 1)
    let x = Self.random(rows * stride, seed: 4).map { 10 * $0 }
    for bias in [nil, Self.random(rows * columns, seed: 5)] {
      let y = softmax(variant, x, bias: bias, rows: rows, columns: columns)
      for row in 0..<rows {
        let scores = (0..<columns).map { column in
          Double(x[row * stride + column]) + Double(bias?[row * columns + column] ?? 0)
        }
        let sum = scores.reduce(0) { $0 + exp($1 - scores.max()!) }
        for column in 0..<columns {
          let expected = exp(scores[column] - scores.max()!) / sum
          #expect(abs(Double(y[row * stride + column]) - expected) < 2e-6)
        }
        #expect(y[row * stride + columns] == x[row * stride + columns])
      }
    }
  }

  @Test(arguments: LayerKernelTests.variants, [0, 20])
  func softmaxKeepsNaN(variant: LayerKernelTests.Variant, place: Int) {
    var x = Self.random(21, seed: 6)
    x[place] = .nan
    #expect(softmax(variant, x, bias: nil, rows: 1, columns: 21).allSatisfy { $0.isNaN })
  }

  // MARK: Layers

  /// The result of one operation on a map.
  private func run(
    _ operation: NetworkGraphs.Operation, on input: Tensor, channels: Int,
    tensors: [TensorName: [Float]] = [:],
    threads: Int = 1
  ) throws -> Tensor {
    let graph = Graph(
      nodes: [
        Graph.Node(name: "input", operation: .input, inputs: [], channels: input.shape[3]),
        Graph.Node(name: "layer", operation: operation, inputs: [0], channels: channels),
      ], output: 1)
    let checkpoint = MemoryCheckpoint(tensors.mapValues { TensorValue(f32: $0, shape: [$0.count]) })
    let description = NetworkDescription(
      graph, name: "test", checkpoint: checkpoint, weights: StateDict(checkpoint))
    let network = try Network(description, pool: ThreadPool(threads: threads))
    return try #require(try network.features(of: ["layer"], input)["layer"])
  }

  private func map(_ images: Int, _ height: Int, _ width: Int, _ channels: Int, seed: UInt64) -> Tensor {
    let shape = [images, height, width, channels]
    return Tensor(shape: shape, values: Self.random(shape.reduce(1, *), seed: seed))
  }

  /// Attention among the tokens at `places`, from the definition; `bias` is added to scores, nil places have the values
  /// of `filling`.
  private func attention(
    _ qkv: [Float], places: [Int?], heads: Int, channels: Int, filling: [Float],
    score: (_ head: Int, _ product: Double, _ sizes: Double) -> Double,
    bias: (_ head: Int, _ query: Int, _ key: Int) -> Double
  ) -> [[Double]] {
    let size = channels / heads
    func value(_ place: Int?, _ part: Int, _ channel: Int) -> Double {
      Double(
        place.map { qkv[$0 * 3 * channels + part * channels + channel] } ?? filling[part * channels + channel]
      )
    }
    return places.indices.map { query in
      (0..<channels).map { channel in
        let head = channel / size
        let own = head * size..<(head + 1) * size
        let scores = places.indices.map { key -> Double in
          var (product, a, b) = (0.0, 0.0, 0.0)
          for c in own {
            let (q, k) = (value(places[query], 0, c), value(places[key], 1, c))
            (product, a, b) = (product + q * k, a + q * q, b + k * k)
          }
          return score(head, product, (a * b).squareRoot()) + bias(head, query, key)
        }
        let sum = scores.reduce(0) { $0 + exp($1 - scores.max()!) }
        return places.indices.reduce(0) {
          $0 + exp(scores[$1] - scores.max()!) / sum * value(places[$1], 2, channel)
        }
      }
    }
  }

  @Test(arguments: [(1, 1), (5, 2), (300, 3)])
  func attentionReachesAllTokens(tokens: Int, heads: Int) throws {
    let channels = 4 * heads
    let input = map(2, tokens, 1, 3 * channels, seed: 7)
    let found = try run(
      .attention(Attention(heads: heads, scores: .scaled, windows: nil)), on: input, channels: channels,
      threads: 2)
    for image in 0..<2 {
      let part = Array(input.values[image * tokens * 3 * channels..<(image + 1) * tokens * 3 * channels])
      let expected = attention(
        part, places: (0..<tokens).map { $0 }, heads: heads, channels: channels, filling: [],
        score: { $1 / 2 + 0 * $2 + 0 * Double($0) }, bias: { _, _, _ in 0 })
      let values = Array(found.values[image * tokens * channels..<(image + 1) * tokens * channels])
      #expect(Self.error(values, expected.flatMap { $0 }) < 1e-5)
    }
  }

  /// Height, width, shift and order of filling: whole windows, windows to be filled up, and a single one.
  @Test(arguments: [(6, 9, 0), (6, 9, 1), (7, 5, 1), (3, 6, 1), (2, 3, 1)], [true, false])
  func attentionStaysInShiftedWindows(shape: (Int, Int, Int), fillsFirst: Bool) throws {
    let (height, width, shift) = shape
    let (side, heads, channels) = (3, 2, 4)
    let table = Self.random(25 * heads, seed: 8)
    let filling = Self.random(3 * channels, seed: 9)
    let input = map(1, height, width, 3 * channels, seed: 10)
    let windows = AttentionWindows(
      side: side, shift: shift, bias: .table("table"), fillingBias: .constants(filling),
      filling: fillsFirst ? .beforeShift : .afterShift, shrinks: false)
    let found = try run(
      .attention(Attention(heads: heads, scores: .scaled, windows: windows)), on: input, channels: channels,
      tensors: ["table": table])

    func whole(_ extent: Int) -> Int { (extent + side - 1) / side * side }
    let (down, right) = (height > side ? shift : 0, width > side ? shift : 0)
    func source(_ position: Int, _ extent: Int, _ shift: Int) -> Int? {
      if !fillsFirst { return position < extent ? (position + shift) % extent : nil }
      let place = (position + shift) % whole(extent)
      return place < extent ? place : nil
    }
    func region(_ position: Int, _ extent: Int, _ shift: Int) -> Int {
      guard shift > 0 else { return 0 }
      let distance = whole(extent) - position
      return distance > side ? 0 : distance > shift ? 1 : 2
    }
    var expected = [Double](repeating: .nan, count: height * width * channels)
    for top in stride(from: 0, to: whole(height), by: side) {
      for left in stride(from: 0, to: whole(width), by: side) {
        let positions = (0..<side * side).map { (top + $0 / side, left + $0 % side) }
        let places = positions.map { row, column -> Int? in
          guard let row = source(row, height, down), let column = source(column, width, right) else {
            return nil
          }
          return row * width + column
        }
        let results = attention(
          input.values, places: places, heads: heads, channels: channels, filling: filling,
          score: { $1 / 2.0.squareRoot() + 0 * $2 + 0 * Double($0) }
        ) { head, query, key in
          let (a, b) = (positions[query], positions[key])
          let entry = (a.0 - b.0 + side - 1) * (2 * side - 1) + a.1 - b.1 + side - 1
          let isTogether =
            region(a.0, height, down) == region(b.0, height, down)
            && region(a.1, width, right) == region(b.1, width, right)
          return Double(table[entry * heads + head]) - (isTogether ? 0 : 100)
        }
        for (index, place) in places.enumerated() {
          guard let place else { continue }
          for channel in 0..<channels { expected[place * channels + channel] = results[index][channel] }
        }
      }
    }
    #expect(Self.error(found.values, expected) < 1e-5)
  }

  @Test func cosinesAreScaledByHead() throws {
    let (heads, channels) = (2, 4)
    let input = map(1, 2, 2, 3 * channels, seed: 11)
    let windows = AttentionWindows(
      side: 2, shift: 0, bias: .table("table"), fillingBias: nil, filling: .beforeShift, shrinks: false)
    // The second scale is above its bound, ln 100.
    let found = try run(
      .attention(Attention(heads: heads, scores: .cosine("scale"), windows: windows)), on: input,
      channels: channels, tensors: ["table": Array(repeating: 0, count: 9 * heads), "scale": [1.5, 7]])
    let expected = attention(
      input.values, places: [0, 1, 2, 3], heads: heads, channels: channels, filling: [],
      score: { $1 / $2 * ($0 == 0 ? exp(1.5) : 100) }, bias: { _, _, _ in 0 })
    #expect(Self.error(found.values, expected.flatMap { $0 }) < 2e-5)
  }

  @Test func globalResponseNormComparesChannels() throws {
    let (height, width, channels) = (9, 15, 70)
    let input = map(2, height, width, channels, seed: 12)
    let (weight, bias) = (Self.random(channels, seed: 13), Self.random(channels, seed: 14))
    let found = try run(
      .globalResponseNorm(GlobalResponseNorm(weight: "weight", bias: "bias", eps: 1e-6)), on: input,
      channels: channels, tensors: ["weight": weight, "bias": bias], threads: 2)
    var expected: [Double] = []
    let pixels = height * width
    for image in 0..<2 {
      let x = (0..<pixels * channels).map { Double(input.values[image * pixels * channels + $0]) }
      let norms = (0..<channels).map { channel in
        (0..<pixels).reduce(0) { $0 + x[$1 * channels + channel] * x[$1 * channels + channel] }.squareRoot()
      }
      let mean = norms.reduce(0, +) / Double(channels) + 1e-6
      expected += x.indices.map { index in
        let channel = index % channels
        return x[index] + Double(bias[channel]) + Double(weight[channel]) * x[index] * norms[channel] / mean
      }
    }
    #expect(Self.error(found.values, expected) < 1e-5)
  }

  @Test func mergesPatchesOfAnOddMap() throws {
    let input = Tensor(shape: [1, 3, 3, 1], values: [1, 2, 3, 4, 5, 6, 7, 8, 9])
    let found = try run(.mergePatches, on: input, channels: 4)
    #expect(found.shape == [1, 2, 2, 4])
    #expect(found.values == [1, 4, 2, 5, 3, 6, 0, 0, 7, 0, 8, 0, 9, 0, 0, 0])
  }

  @Test func spacesWindowsOfAMapThatTheyDoNotDivide() throws {
    let input = Tensor(shape: [1, 2, 3, 1], values: [1, 2, 3, 4, 5, 6])
    let found = try run(
      .spaceWindows(SpacedWindows(side: 2, margin: 1)), on: input, channels: 1)
    #expect(found.shape == [1, 4, 8, 1])
    let empty = [Float](repeating: 0, count: 8)
    #expect(found.values == empty + [0, 1, 2, 0, 0, 3, 0, 0] + [0, 4, 5, 0, 0, 6, 0, 0] + empty)
    let windows = SpacedWindows(side: 2, margin: 1)
    let nodes = [
      Graph.Node(name: "input", operation: .input, inputs: [], channels: 1),
      Graph.Node(name: "space", operation: .spaceWindows(windows), inputs: [0], channels: 1),
      Graph.Node(name: "layer", operation: .joinWindows(windows), inputs: [1, 0], channels: 1),
    ]
    let checkpoint = MemoryCheckpoint([:])
    let description = NetworkDescription(
      Graph(nodes: nodes, output: 2), name: "test", checkpoint: checkpoint, weights: StateDict(checkpoint))
    let network = try Network(description, pool: ThreadPool(threads: 2))
    #expect(try network.features(of: ["layer"], input)["layer"]?.values == input.values)
  }

  @Test func windowsOfOtherSizesAreRefused() throws {
    func sizes(_ windows: SpacedWindows, height: Int, width: Int) throws -> [MapSize] {
      let nodes = [
        Graph.Node(name: "input", operation: .input, inputs: [], channels: 1),
        Graph.Node(name: "layer", operation: .spaceWindows(windows), inputs: [0], channels: 1),
      ]
      return try Graph(nodes: nodes, output: 1).sizes(height: height, width: width)
    }
    let several = SpacedWindows(side: 3, margin: 0)
    let single = SpacedWindows(side: 3, margin: 0, isSingle: true)
    #expect(try sizes(several, height: 4, width: 3)[1] == MapSize(height: 6, width: 3, channels: 1))
    #expect(try sizes(single, height: 3, width: 3)[1] == MapSize(height: 3, width: 3, channels: 1))
    #expect(throws: NetworkError.inputOfOtherWindows(height: 2, width: 3, layer: "layer", side: 3)) {
      try sizes(several, height: 2, width: 3)
    }
    #expect(throws: NetworkError.inputOfOtherWindows(height: 3, width: 4, layer: "layer", side: 3)) {
      try sizes(single, height: 3, width: 4)
    }
  }

  @Test func takesTokens() throws {
    let input = Tensor(shape: [1, 4, 1, 2], values: [1, 2, 3, 4, 5, 6, 7, 8])
    #expect(try run(.tokens(1..<3), on: input, channels: 2).values == [3, 4, 5, 6])
    #expect(try run(.tokens(2..<Int.max), on: input, channels: 2).values == [5, 6, 7, 8])
    #expect(throws: NetworkError.inputTooSmall(height: 4, width: 1, layer: "layer")) {
      try run(.tokens(4..<Int.max), on: input, channels: 2)
    }
  }

  /// Values of `torch.nn.functional.interpolate(mode="bicubic")` of PyTorch 2.15.
  @Test(arguments: [
    (
      TokenEmbedding.Resampling.antialiased,
      [
        0.18628832697868347, 1.181922197341919, 2.1775565147399902, 8.976256370544434, 12.93678092956543,
        16.897308349609375, 30.938430786132812, 37.86384582519531, 44.789268493652344,
      ]
    ),
    (.alignedCorners, [0, 0.5, 1, 8.5, 12, 15.5, 36, 42.5, 49]),
  ])
  func resamplesPositionsAsPyTorch(resampling: TokenEmbedding.Resampling, expected: [Double]) throws {
    let positions: [Float] = [0, 1, 4, 9, 16, 25, 36, 49]
    func embed(_ input: Tensor, embedded: Int) throws -> [Float] {
      let embedding = TokenEmbedding(
        prefix: ["token"], prefixCount: 1, positions: "positions", embeddedPrefixCount: embedded,
        grid: (4, 2), resampling: resampling)
      return try run(
        .embed(embedding), on: input, channels: 1,
        tensors: ["token": [100], "positions": Array(repeating: 1000, count: embedded) + positions]
      ).values
    }
    let pixels = Self.random(9, seed: 15)
    let found = try embed(Tensor(shape: [1, 3, 3, 1], values: pixels), embedded: 1)
    #expect(found[0] == 1100)
    #expect(Self.error(Array(found[1...]), zip(pixels, expected).map { Double($0) + $1 }) < 1e-6)
    #expect(try embed(Tensor(shape: [1, 3, 3, 1], values: pixels), embedded: 0)[0] == 100)
    let same = Tensor(shape: [1, 4, 2, 1], values: Array(repeating: 0, count: 8))
    #expect(try Array(embed(same, embedded: 1)[1...]) == positions)
  }
}
