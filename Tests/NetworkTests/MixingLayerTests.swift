import Checkpoint
import Foundation
import Platform
import Statistics
import TensorMath
import Testing

@testable import NetworkExecution
@testable import NetworkGraphs

/// Layers that mix tokens, against their definitions in float64.
struct MixingLayerTests {
  private static func random(_ count: Int, seed: UInt64) -> [Float] {
    var generator = SeededGenerator(seed: seed)
    return (0..<count).map { _ in Float(generator.normal()) }
  }

  private static func error(_ found: [Float], _ expected: [Double]) -> Double {
    guard found.count == expected.count else { return .infinity }
    return zip(found, expected).reduce(0) { max($0, abs(Double($1.0) - $1.1)) }
      / expected.reduce(1e-30) { max($0, abs($1)) }
  }

  /// The result of an operation on slices of the input's channels.
  private func run(
    _ operation: NetworkGraphs.Operation, on input: Tensor, slices: [Range<Int>], channels: Int,
    tensors: [TensorName: [Float]] = [:], patch: Int = 1
  ) throws -> Tensor {
    var nodes = [Graph.Node(name: "input", operation: .input, inputs: [], channels: input.shape[3])]
    for range in slices {
      nodes.append(
        Graph.Node(name: "slice", operation: .slice(range), inputs: [0], channels: range.count))
    }
    let inputs = slices.isEmpty ? [0] : Array(1...slices.count)
    nodes.append(Graph.Node(name: "layer", operation: operation, inputs: inputs, channels: channels))
    let checkpoint = MemoryCheckpoint(tensors.mapValues { TensorValue(f32: $0, shape: [$0.count]) })
    let description = NetworkDescription(
      Graph(nodes: nodes, output: nodes.count - 1), name: "test", checkpoint: checkpoint,
      weights: StateDict(checkpoint))
    let network = try Network(description, pool: ThreadPool(threads: 2))
    return try #require(try network.features(of: ["layer"], input)["layer"])
  }

  private func map(_ images: Int, _ height: Int, _ width: Int, _ channels: Int, seed: UInt64) -> Tensor {
    let shape = [images, height, width, channels]
    return Tensor(shape: shape, values: Self.random(shape.reduce(1, *), seed: seed))
  }

  private func softmax(_ scores: [Double]) -> [Double] {
    let powers = scores.map { exp($0 - scores.max()!) }
    return powers.map { $0 / powers.reduce(0, +) }
  }

  /// Queries, keys and values of one image: heads of keys that several heads of queries share, and talking heads.
  @Test(arguments: [(3, 3, false), (4, 2, false), (2, 2, true)])
  func attendsAcrossMaps(heads: Int, keyHeads: Int, talks: Bool) throws {
    let (tokens, width, valueWidth) = (7, 4, 3)
    let (q, k) = (heads * width, keyHeads * width)
    let input = map(1, tokens, 1, q + k + keyHeads * valueWidth, seed: 1)
    let mixing = ["before", "after"].map { name in
      (
        HeadMixing(weight: TensorName(name), bias: TensorName(name + "-bias")),
        Self.random(heads * heads, seed: name == "after" ? 3 : 2), Self.random(heads, seed: 4)
      )
    }
    var tensors: [TensorName: [Float]] = [:]
    for (mixing, weight, bias) in mixing { (tensors[mixing.weight], tensors[mixing.bias]) = (weight, bias) }
    let found = try run(
      .crossAttention(
        CrossAttention(
          heads: heads, keyHeads: keyHeads, scale: 0.5, talking: talks ? (mixing[0].0, mixing[1].0) : nil)),
      on: input, slices: [0..<q, q..<q + k, q + k..<input.shape[3]], channels: heads * valueWidth,
      tensors: tensors)

    let all = input.values.map(Double.init)
    func value(_ token: Int, _ channel: Int) -> Double { all[token * input.shape[3] + channel] }
    func mix(_ layer: (HeadMixing, [Float], [Float]), _ x: [[Double]]) -> [[Double]] {
      guard talks else { return x }
      return (0..<heads).map { head in
        x[0].indices.map { index in
          (0..<heads).reduce(Double(layer.2[head])) {
            $0 + Double(layer.1[head * heads + $1]) * x[$1][index]
          }
        }
      }
    }
    var expected: [Double] = []
    for query in 0..<tokens {
      let scores = (0..<heads).map { head in
        (0..<tokens).map { key in
          (0..<width).reduce(0.0) {
            $0 + 0.5 * value(query, head * width + $1)
              * value(key, q + head / (heads / keyHeads) * width + $1)
          }
        }
      }
      let shares = mix(mixing[1], mix(mixing[0], scores).map(softmax))
      for head in 0..<heads {
        for channel in 0..<valueWidth {
          expected.append(
            (0..<tokens).reduce(0.0) {
              $0 + shares[head][$1]
                * value($1, q + k + head / (heads / keyHeads) * valueWidth + channel)
            })
        }
      }
    }
    #expect(Self.error(found.values, expected) < 1e-5)
  }

  /// With zero queries the result is the mean of values weighed by the softmax of the biases alone.
  @Test func positionBiasesFollowDistances() throws {
    let (rows, columns, stride) = (3, 4, 2)
    let (queries, keys) = (2 * 2, rows * columns)
    let table = Self.random(keys, seed: 5)
    let bias = PositionBias(
      kind: .absoluteDistances("table"), rows: rows, columns: columns, stride: stride)
    let checkpoint = MemoryCheckpoint(["table": TensorValue(f32: table, shape: [1, keys])])
    let attention = CrossAttention(heads: 1, scale: 1, bias: bias)
    let biases = try #require(try MixingWeights(attention, StateDict(checkpoint)).biases)
    #expect(biases.shape == [1, queries, keys])
    for query in 0..<queries {
      for key in 0..<keys {
        let down = abs(query / 2 * stride - key / columns)
        let right = abs(query % 2 * stride - key % columns)
        #expect(biases.values[query * keys + key] == table[down * columns + right])
      }
    }
  }

  @Test func offsetsAreOfTheKeyFromTheQuery() throws {
    let (rows, columns) = (2, 3)
    let checkpoint = MemoryCheckpoint([
      "weight": TensorValue(f32: [1, 0, 0, 2, 30, 400], shape: [2, 3]),
      "bias": TensorValue(f32: [0.5, 0], shape: [2]),
    ])
    let bias = PositionBias(
      kind: .offsets(weight: "weight", bias: "bias"), rows: rows, columns: columns)
    let attention = CrossAttention(heads: 2, scale: 0, bias: bias)
    let biases = try #require(try MixingWeights(attention, StateDict(checkpoint)).biases).values
    let tokens = rows * columns
    for query in 0..<tokens {
      for key in 0..<tokens {
        let (right, down) = (key % columns - query % columns, key / columns - query / columns)
        #expect(biases[query * tokens + key] == Float(right) + 0.5)
        let second = 2 * right + 30 * down + 400 * (right * right + down * down)
        #expect(biases[(tokens + query) * tokens + key] == Float(second))
      }
    }
  }

  /// Four queries with a class token before them, and keys at every other place or at all of a finer map.
  @Test(arguments: [(2, 4), (4, 2), (3, 3)])
  func queriesAreMultipliedWithPositions(querySide: Int, keySide: Int) throws {
    let (heads, width) = (2, 3)
    let (queries, keys) = (1 + querySide * querySide, 1 + keySide * keySide)
    let count = 2 * max(querySide, keySide) - 1
    let tables = [Self.random(count * width, seed: 50), Self.random(count * width, seed: 51)]
    let all = Self.random((queries + keys) * heads * width, seed: 52)
    let input = Tensor(shape: [1, queries + keys, 1, heads * width], values: all)
    var attention = CrossAttention(heads: heads, scale: 0.5)
    attention.positions = QueryPositions(
      rows: "rows", columns: "columns", querySide: querySide, keySide: keySide, prefix: 1)
    let checkpoint = MemoryCheckpoint([
      "rows": TensorValue(f32: tables[0], shape: [count, width]),
      "columns": TensorValue(f32: tables[1], shape: [count, width]),
    ])
    let channels = heads * width
    let nodes = [
      Graph.Node(name: "input", operation: .input, inputs: [], channels: channels),
      Graph.Node(name: "q", operation: .tokens(0..<queries), inputs: [0], channels: channels),
      Graph.Node(name: "k", operation: .tokens(queries..<queries + keys), inputs: [0], channels: channels),
      Graph.Node(
        name: "layer", operation: .crossAttention(attention), inputs: [1, 2, 2], channels: channels),
    ]
    let description = NetworkDescription(
      Graph(nodes: nodes, output: 3), name: "test", checkpoint: checkpoint, weights: StateDict(checkpoint))
    let network = try Network(description, pool: ThreadPool(threads: 2))
    let found = try #require(try network.features(of: ["layer"], input)["layer"])
    func value(_ token: Int, _ channel: Int) -> Double { Double(all[token * channels + channel]) }
    /// The distance in pixels of the finer map, from the smallest one on.
    func place(_ query: Int, _ key: Int) -> Int {
      query * max(1, keySide / querySide) - key * max(1, querySide / keySide)
        + (keySide - 1) * max(1, querySide / keySide)
    }
    var expected: [Double] = []
    for query in 0..<queries {
      for head in 0..<heads {
        let scores = (0..<keys).map { key in
          var score = 0.0
          for channel in 0..<width {
            let q = value(query, head * width + channel)
            score += 0.5 * q * value(queries + key, head * width + channel)
            guard query > 0, key > 0 else { continue }
            let rows = place((query - 1) / querySide, (key - 1) / keySide)
            let columns = place((query - 1) % querySide, (key - 1) % keySide)
            score += q * Double(tables[0][rows * width + channel] + tables[1][columns * width + channel])
          }
          return score
        }
        let shares = softmax(scores)
        for channel in head * width..<(head + 1) * width {
          expected.append((0..<keys).reduce(0.0) { $0 + shares[$1] * value(queries + $1, channel) })
        }
      }
    }
    #expect(Self.error(found.values, expected) < 1e-5)
    attention.positions = QueryPositions(
      rows: "rows", columns: "columns", querySide: querySide + 1, keySide: keySide, prefix: 1)
    let other = Graph.Node(
      name: "layer", operation: .crossAttention(attention), inputs: [1, 2, 2], channels: channels)
    #expect(throws: NetworkError.inputTooSmall(height: queries + keys, width: 1, layer: "layer")) {
      try Graph(nodes: nodes.dropLast() + [other], output: 3).sizes(height: queries + keys, width: 1)
    }
  }

  @Test func classTokenHasItsOwnBiases() throws {
    // One head; distances of a 1x2 grid are -1, 0, 1, then class to pixel, pixel to class, class to class.
    let table: [Float] = [1, 2, 3, 4, 5, 6]
    let bias = PositionBias(kind: .distancesAndClass("table"), rows: 1, columns: 2)
    let checkpoint = MemoryCheckpoint(["table": TensorValue(f32: table, shape: [6, 1])])
    let attention = CrossAttention(heads: 1, scale: 1, bias: bias)
    let biases = try #require(try MixingWeights(attention, StateDict(checkpoint)).biases)
    #expect(biases.values == [6, 4, 4, 5, 2, 1, 5, 3, 2])
  }

  @Test func talkingHeadsMixTheBias() throws {
    let checkpoint = MemoryCheckpoint([
      "table": TensorValue(f32: [1, 2, 10, 20], shape: [2, 2]),
      "weight": TensorValue(f32: [1, 0.5, 0, 2], shape: [2, 2]),
      "bias": TensorValue(f32: [0, 0], shape: [2]),
    ])
    let mixing = HeadMixing(weight: "weight", bias: "bias")
    var attention = CrossAttention(
      heads: 2, scale: 1, bias: PositionBias(kind: .absoluteDistances("table"), rows: 1, columns: 2),
      talking: (before: mixing, after: mixing))
    func biases() throws -> [Float] {
      try #require(try MixingWeights(attention, StateDict(checkpoint)).biases).values
    }
    #expect(try biases() == [1, 2, 2, 1, 10, 20, 20, 10])
    attention.mixesBias = true
    #expect(try biases() == [6, 12, 12, 6, 20, 40, 40, 20])
  }

  @Test func channelsAttendToChannels() throws {
    let (tokens, heads, width) = (11, 2, 3)
    let channels = heads * width
    let input = map(2, tokens, 1, 3 * channels, seed: 6)
    let found = try run(
      .crossCovariance(CrossCovariance(heads: heads, factor: .temperature("temperature"))), on: input,
      slices: [], channels: channels, tensors: ["temperature": [0.7, 2]])
    var expected: [Double] = []
    for image in 0..<2 {
      func column(_ part: Int, _ channel: Int) -> [Double] {
        (0..<tokens).map {
          Double(input.values[(image * tokens + $0) * 3 * channels + part * channels + channel])
        }
      }
      func dot(_ a: [Double], _ b: [Double]) -> Double { zip(a, b).reduce(0) { $0 + $1.0 * $1.1 } }
      var rows = [[Double]](repeating: [], count: tokens)
      for channel in 0..<channels {
        let q = column(0, channel)
        let own = channel / width * width..<channel / width * width + width
        let temperature: Double = channel < width ? Double(Float(0.7)) : 2
        let scores: [Double] = own.map { other in
          let k = column(1, other)
          let cosine: Double = dot(q, k) / (dot(q, q) * dot(k, k)).squareRoot()
          return cosine * temperature
        }
        let shares = softmax(scores)
        for token in 0..<tokens {
          var sum: Double = 0
          for (other, share) in zip(own, shares) { sum += share * column(2, other)[token] }
          rows[token].append(sum)
        }
      }
      expected += rows.flatMap { $0 }
    }
    #expect(Self.error(found.values, expected) < 1e-5)
  }

  @Test func linearAttentionIsTheQuotientOfTwoSums() throws {
    let (tokens, heads, width) = (11, 2, 3)
    let channels = heads * width
    let input = map(2, tokens, 1, 3 * channels, seed: 20)
    let found = try run(
      .linearAttention(LinearAttention(heads: heads, form: .quotient(eps: 0.25))), on: input, slices: [],
      channels: channels)
    var expected: [Double] = []
    for image in 0..<2 {
      func value(_ token: Int, _ head: Int, _ part: Int, _ channel: Int) -> Double {
        Double(input.values[(image * tokens + token) * 3 * channels + (3 * head + part) * width + channel])
      }
      for token in 0..<tokens {
        for head in 0..<heads {
          let scores = (0..<tokens).map { other in
            (0..<width).reduce(0.0) {
              $0 + max(value(token, head, 0, $1), 0) * max(value(other, head, 1, $1), 0)
            }
          }
          for channel in 0..<width {
            let sum = (0..<tokens).reduce(0.0) { $0 + scores[$1] * value($1, head, 2, channel) }
            expected.append(sum / (scores.reduce(0, +) + 0.25))
          }
        }
      }
    }
    #expect(Self.error(found.values, expected) < 1e-5)
  }

  /// Numbers of one pixel: a filter along the channels, a softmax over two ranges of them, and the sum of the two.
  @Test func channelsAreWeighedByTheirNeighborsAndBranches() throws {
    let (images, channels) = (2, 6)
    let input = map(images, 1, 1, channels, seed: 22)
    let filter: [Float] = [0.5, -1, 2]
    let filtered = try run(
      .acrossChannels(weight: "filter", taps: 3, padding: 1), on: input, slices: [], channels: channels,
      tensors: ["filter": filter])
    let shares = try run(.softmax(groups: 2), on: input, slices: [], channels: channels)
    let sums = try run(.sumOfGroups(2), on: input, slices: [], channels: channels / 2)
    var (expectedFiltered, expectedShares, expectedSums) = ([Double](), [Double](), [Double]())
    for image in 0..<images {
      let x = input.values[image * channels..<(image + 1) * channels].map(Double.init)
      for channel in 0..<channels {
        let taps = (0..<3).filter { x.indices.contains(channel + $0 - 1) }
        expectedFiltered.append(taps.reduce(0.0) { $0 + Double(filter[$1]) * x[channel + $1 - 1] })
      }
      let pairs = (0..<3).map { softmax([x[$0], x[$0 + 3]]) }
      expectedShares += pairs.map { $0[0] } + pairs.map { $0[1] }
      expectedSums += (0..<3).map { x[$0] + x[$0 + 3] }
    }
    #expect(Self.error(filtered.values, expectedFiltered) < 1e-6)
    #expect(Self.error(shares.values, expectedShares) < 1e-6)
    #expect(Self.error(sums.values, expectedSums) < 1e-6)
  }

  /// One head of two channels, whose keys are weights of the tokens.
  @Test func linearAttentionBySoftmaxOfKeys() throws {
    let (tokens, width) = (5, 2)
    let input = map(1, tokens, 1, 3 * width, seed: 34)
    let found = try run(
      .linearAttention(LinearAttention(heads: 1, form: .softmax(scale: 0.5))), on: input, slices: [],
      channels: width)
    func column(_ channel: Int) -> [Double] {
      (0..<tokens).map { Double(input.values[$0 * 3 * width + channel]) }
    }
    let shares = (0..<width).map { softmax(column(width + $0)) }
    var expected: [Double] = []
    for token in 0..<tokens {
      for channel in 0..<width {
        let values = column(2 * width + channel)
        expected.append(
          (0..<width).reduce(0) { sum, key in
            let product = zip(shares[key], values).reduce(0.0) { $0 + $1.0 * $1.1 }
            return sum + 0.5 * column(key)[token] * product
          })
      }
    }
    #expect(Self.error(found.values, expected) < 1e-5)
  }

  @Test func softmaxOverGroupsIsEveryPixelsOwn() throws {
    let input = Tensor(shape: [1, 1, 2, 4], values: [0, 1, 2, 1, -1, 3, 1, 0])
    let found = try run(.softmax(groups: 2), on: input, slices: [], channels: 4)
    let pairs = [[0.0, 2], [1, 1], [-1, 1], [3, 0]].map { softmax($0) }
    let expected =
      [pairs[0][0], pairs[1][0], pairs[0][1], pairs[1][1]]
      + [pairs[2][0], pairs[3][0], pairs[2][1], pairs[3][1]]
    #expect(Self.error(found.values, expected) < 1e-6)
  }

  /// Weights 1, 2, 1 along both axes of the mirrored map, or of one with zeros around it.
  @Test(arguments: [true, false], [1, 2])
  func blursAtEveryStride(mirrors: Bool, stride: Int) throws {
    let (height, width, channels) = (5, 6, 3)
    let input = map(2, height, width, channels, seed: 21)
    let checkpoint = MemoryCheckpoint([:])
    var b = GraphBuilder(StateDict(checkpoint), architecture: "test")
    let output = b.blurPool(b.input(channels: channels), stride: stride, mirrors: mirrors)
    let description = NetworkDescription(
      b.graph(output: output), name: "test", checkpoint: checkpoint, weights: StateDict(checkpoint))
    let network = try Network(description, pool: ThreadPool(threads: 2))
    let found = try #require(try network.features(of: ["avgpool"], input)["avgpool"])
    #expect(found.shape == [2, (height + stride - 1) / stride, (width + stride - 1) / stride, channels])
    func source(_ position: Int, _ extent: Int) -> Int? {
      if (0..<extent).contains(position) { return position }
      return mirrors ? (position < 0 ? -position : 2 * (extent - 1) - position) : nil
    }
    var expected: [Double] = []
    for image in 0..<2 {
      for row in Swift.stride(from: 0, to: height, by: stride) {
        for column in Swift.stride(from: 0, to: width, by: stride) {
          for channel in 0..<channels {
            var sum = 0.0
            for (dy, wy) in [(-1, 0.25), (0, 0.5), (1, 0.25)] {
              for (dx, wx) in [(-1, 0.25), (0, 0.5), (1, 0.25)] {
                guard let y = source(row + dy, height), let x = source(column + dx, width) else { continue }
                let place = ((image * height + y) * width + x) * channels + channel
                sum += wy * wx * Double(input.values[place])
              }
            }
            expected.append(sum)
          }
        }
      }
    }
    #expect(Self.error(found.values, expected) < 1e-6)
  }

  /// Neighbors or halves as pairs; the first token is no pixel.
  @Test(arguments: [true, false])
  func rotationsTurnPairsByTheirPlaces(pairsHalves: Bool) throws {
    // A map of 2x3 pixels and a token before them, as a sequence of tokens of an image of 4x6 pixels.
    let (heads, width, rows, columns) = (2, 8, 2, 3)
    let channels = heads * width
    let rotation = RotaryEmbedding(
      heads: heads, prefixCount: 1, angles: .axial(temperature: 100, reference: 4, offset: 0.5),
      swapsAxes: false, pairsHalves: pairsHalves, patch: 2)
    var nodes = [Graph.Node(name: "input", operation: .input, inputs: [], channels: channels)]
    nodes.append(
      Graph.Node(
        name: "pool", operation: .averagePool(Window(2, stride: 2), countIncludePad: true), inputs: [0],
        channels: channels))
    let embedding = TokenEmbedding(
      prefix: ["token"], prefixCount: 1, positions: nil, embeddedPrefixCount: 0, grid: (0, 0),
      resampling: .antialiased)
    nodes.append(
      Graph.Node(name: "tokens", operation: .embed(embedding), inputs: [1], channels: channels))
    nodes.append(Graph.Node(name: "layer", operation: .rotate(rotation), inputs: [2], channels: channels))
    let token = Self.random(channels, seed: 7)
    let checkpoint = MemoryCheckpoint(["token": TensorValue(f32: token, shape: [1, 1, channels])])
    let description = NetworkDescription(
      Graph(nodes: nodes, output: 3), name: "test", checkpoint: checkpoint, weights: StateDict(checkpoint))
    let network = try Network(description, pool: ThreadPool(threads: 2))
    let features = try network.features(
      of: ["tokens", "layer"], map(1, 2 * rows, 2 * columns, channels, seed: 8))
    let x = try #require(features["tokens"]).values
    var expected = x.map(Double.init)
    for pixel in 0..<rows * columns {
      let row = (Double(pixel / columns) + 0.5) / Double(rows) * 4
      let column = (Double(pixel % columns) + 0.5) / Double(columns) * 4
      for head in 0..<heads {
        for pair in 0..<width / 2 {
          let band = pair % 2 == 0 ? 1.0 : 0.1
          let angle = (pair < 2 ? row : column) * band
          let first = (pixel + 1) * channels + head * width + (pairsHalves ? pair : 2 * pair)
          let second = first + (pairsHalves ? width / 2 : 1)
          let (a, b) = (Double(x[first]), Double(x[second]))
          expected[first] = a * cos(angle) - b * sin(angle)
          expected[second] = b * cos(angle) + a * sin(angle)
        }
      }
    }
    #expect(Array(x.prefix(channels)) == token)
    #expect(Self.error(try #require(features["layer"]).values, expected) < 1e-6)
  }

  @Test(arguments: [1, 2])
  func groupNormIsThatOfEveryGroup(groups: Int) throws {
    let (pixels, channels) = (15, 6)
    let input = map(2, 3, 5, channels, seed: 9)
    let (weight, bias) = (Self.random(channels, seed: 10), Self.random(channels, seed: 11))
    let found = try run(
      .groupNorm(GroupNorm(groups: groups, weight: "weight", bias: "bias", eps: 0.25)), on: input,
      slices: [], channels: channels, tensors: ["weight": weight, "bias": bias])
    var expected = input.values.map(Double.init)
    let width = channels / groups
    for image in 0..<2 {
      for group in 0..<groups {
        let places = (0..<pixels * width).map {
          (image * pixels + $0 / width) * channels + group * width + $0 % width
        }
        let mean = places.reduce(0) { $0 + Double(input.values[$1]) } / Double(places.count)
        let variance =
          places.reduce(0) { $0 + pow(Double(input.values[$1]) - mean, 2) } / Double(places.count)
        for place in places {
          let channel = place % channels
          expected[place] =
            (expected[place] - mean) / (variance + 0.25).squareRoot() * Double(weight[channel])
            + Double(bias[channel])
        }
      }
    }
    #expect(Self.error(found.values, expected) < 1e-5)
  }

  /// Division by the deviation leaves the mean where it is; without a mean the square takes the variance's place.
  @Test(arguments: [GroupNorm.Form.divided, .rootMeanSquare])
  func groupNormsThatKeepTheMean(form: GroupNorm.Form) throws {
    let (pixels, channels) = (6, 4)
    let input = map(1, 2, 3, channels, seed: 40)
    let shifted = Tensor(shape: input.shape, values: input.values.map { $0 + 2 })
    let norm = GroupNorm(groups: 2, weight: nil, bias: "bias", eps: 0.5, form: form)
    let bias = Self.random(channels, seed: 41)
    let found = try run(
      .groupNorm(norm), on: shifted, slices: [], channels: channels, tensors: ["bias": bias])
    var expected: [Double] = []
    for place in shifted.values.indices {
      let first = place % channels / 2 * 2
      let group = (0..<pixels).flatMap { pixel in
        (0..<2).map { Double(shifted.values[pixel * channels + first + $0]) }
      }
      let mean = form == .divided ? group.reduce(0, +) / Double(group.count) : 0
      let spread = group.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(group.count)
      expected.append(
        Double(shifted.values[place]) / (spread + 0.5).squareRoot() + Double(bias[place % channels]))
    }
    #expect(Self.error(found.values, expected) < 1e-6)
  }

  /// Two heads with the same weights, without subtraction of the mean.
  @Test func rootMeanSquaresOfHeads() throws {
    let input = map(1, 2, 2, 6, seed: 12)
    let weight = Self.random(3, seed: 13)
    let norm = LayerNorm(weight: "weight", bias: nil, eps: 0.5, keepsMean: true, groups: 2)
    let found = try run(
      .layerNorm(norm), on: input, slices: [], channels: 6, tensors: ["weight": weight])
    let expected = input.values.indices.map { index in
      let head = index / 3 * 3..<index / 3 * 3 + 3
      let square = head.reduce(0) { $0 + pow(Double(input.values[$1]), 2) } / 3
      return Double(input.values[index]) / (square + 0.5).squareRoot() * Double(weight[index % 3])
    }
    #expect(Self.error(found.values, expected) < 1e-6)
  }

  @Test func transposesAndJoinsTokens() throws {
    let input = Tensor(shape: [1, 2, 1, 3], values: [1, 2, 3, 4, 5, 6])
    let transposed = try run(.transpose, on: input, slices: [], channels: 2)
    #expect(transposed.shape == [1, 3, 1, 2] && transposed.values == [1, 4, 2, 5, 3, 6])
    let joined = try run(.joinTokens, on: input, slices: [0..<1, 2..<3], channels: 1)
    #expect(joined.shape == [1, 4, 1, 1] && joined.values == [1, 4, 3, 6])
    // The weights of a transposed map are those of its number of tokens.
    #expect(throws: NetworkError.inputTooSmall(height: 2, width: 1, layer: "layer")) {
      try run(.transpose, on: input, slices: [], channels: 4)
    }
  }

  /// Two channels of one head, over three tokens.
  @Test func channelsAttendByProductsAsTheyAre() throws {
    let input = map(1, 3, 1, 6, seed: 33)
    func column(_ channel: Int) -> [Double] { (0..<3).map { Double(input.values[$0 * 6 + channel]) } }
    let cases: [(CrossCovariance.Factor, Double)] = [(.constant(0.5), 0.5), (.tokens, 1 / 3.0.squareRoot())]
    for (factor, number) in cases {
      let found = try run(
        .crossCovariance(CrossCovariance(heads: 1, factor: factor)), on: input, slices: [], channels: 2)
      var expected = [Double](repeating: 0, count: 6)
      for channel in 0..<2 {
        let shares = softmax(
          (0..<2).map { other in
            zip(column(channel), column(2 + other)).reduce(0) { $0 + number * $1.0 * $1.1 }
          })
        for token in 0..<3 {
          expected[2 * token + channel] = shares[0] * column(4)[token] + shares[1] * column(5)[token]
        }
      }
      #expect(Self.error(found.values, expected) < 1e-6)
    }
  }

  @Test func depthBecomesBlocksOfPixels() throws {
    let input = map(2, 2, 3, 12, seed: 31)
    let found = try run(.depthToSpace(rows: 2, columns: 3), on: input, slices: [], channels: 2)
    #expect(found.shape == [2, 4, 9, 2])
    for image in 0..<2 {
      for (row, column, channel) in [(0, 0, 0), (1, 2, 1), (2, 3, 0), (3, 8, 1), (2, 7, 0)] {
        let source = ((image * 2 + row / 2) * 3 + column / 3) * 12
        let part = row % 2 * 3 + column % 3
        #expect(
          found.values[((image * 4 + row) * 9 + column) * 2 + channel]
            == input.values[source + part * 2 + channel])
      }
    }
    // Blocks made of pixels and pixels of blocks are inverse to each other.
    let nodes = [
      Graph.Node(name: "input", operation: .input, inputs: [], channels: 12),
      Graph.Node(name: "pixels", operation: .depthToSpace(rows: 2, columns: 3), inputs: [0], channels: 2),
      Graph.Node(name: "layer", operation: .spaceToDepth(rows: 2, columns: 3), inputs: [1], channels: 12),
    ]
    #expect(try result(of: nodes, on: input).values == input.values)
    #expect(throws: NetworkError.inputTooSmall(height: 2, width: 3, layer: "layer")) {
      try run(.depthToSpace(rows: 2, columns: 2), on: input, slices: [], channels: 2)
    }
  }

  @Test func tokensBecomePixelsRowByRow() throws {
    let input = map(2, 3, 4, 5, seed: 32)
    let nodes = [
      Graph.Node(name: "input", operation: .input, inputs: [], channels: 5),
      Graph.Node(name: "tokens", operation: .joinTokens, inputs: [0], channels: 5),
      Graph.Node(name: "layer", operation: .gridOfTokens, inputs: [1, 0], channels: 5),
    ]
    let found = try result(of: nodes, on: input)
    #expect(found.shape == input.shape && found.values == input.values)
    var fewer = nodes
    fewer[1] = Graph.Node(name: "tokens", operation: .joinTokens, inputs: [0, 0], channels: 5)
    #expect(throws: NetworkError.inputTooSmall(height: 3, width: 4, layer: "layer")) {
      try result(of: fewer, on: input)
    }
  }

  /// The result of the last node of a graph without weights, "layer".
  private func result(of nodes: [Graph.Node], on input: Tensor) throws -> Tensor {
    let checkpoint = MemoryCheckpoint([:])
    let description = NetworkDescription(
      Graph(nodes: nodes, output: nodes.count - 1), name: "test", checkpoint: checkpoint,
      weights: StateDict(checkpoint))
    let network = try Network(description, pool: ThreadPool(threads: 2))
    return try #require(try network.features(of: ["layer"], input)["layer"])
  }

  @Test func gridsHoldPixelsThatAreFarApart() throws {
    // Attention with scores of 0 averages the values of every group of four pixels.
    let (height, width) = (4, 6)
    let values = (0..<height * width).map { Float($0 * $0) }
    let input = Tensor(shape: [1, height, width, 3], values: values.flatMap { [0, 0, $0] })
    func averages(_ arrangement: AttentionWindows.Arrangement) throws -> [Float] {
      let windows = AttentionWindows(
        side: 2, shift: 0, bias: .zero, fillingBias: nil, filling: .afterShift, shrinks: false,
        arrangement: arrangement)
      return try run(
        .attention(Attention(heads: 1, scores: .scaled, windows: windows)), on: input, slices: [],
        channels: 1
      ).values
    }
    func mean(_ places: [(Int, Int)]) -> Float {
      places.reduce(0) { $0 + values[$1.0 * width + $1.1] } / Float(places.count)
    }
    let windows = try averages(.windows)
    let grids = try averages(.grid)
    for row in 0..<height {
      for column in 0..<width {
        let (top, left) = (row / 2 * 2, column / 2 * 2)
        let near = [(top, left), (top, left + 1), (top + 1, left), (top + 1, left + 1)]
        let (y, x) = (row % 2, column % 3)
        let far = [(y, x), (y, x + 3), (y + 2, x), (y + 2, x + 3)]
        #expect(abs(windows[row * width + column] - mean(near)) < 1e-3)
        #expect(abs(grids[row * width + column] - mean(far)) < 1e-3)
      }
    }
  }

  /// Pixels of a pooled map at the places of the map before, whose size is no multiple of it.
  @Test func stretchesByNearestPixels() throws {
    let (height, width, channels) = (7, 9, 2)
    let input = map(2, height, width, channels, seed: 6)
    let checkpoint = MemoryCheckpoint([:])
    let nodes = [
      Graph.Node(name: "input", operation: .input, inputs: [], channels: channels),
      Graph.Node(
        name: "pool", operation: .maxPool(Window(2, stride: 2)), inputs: [0], channels: channels),
      Graph.Node(name: "layer", operation: .resample(.nearestLike), inputs: [1, 0], channels: channels),
    ]
    let description = NetworkDescription(
      Graph(nodes: nodes, output: 2), name: "test", checkpoint: checkpoint, weights: StateDict(checkpoint))
    let network = try Network(description, pool: ThreadPool(threads: 2))
    let found = try #require(try network.features(of: ["layer"], input)["layer"])
    #expect(found.shape == input.shape)
    var expected: [Double] = []
    for image in 0..<2 {
      for row in 0..<height {
        for column in 0..<width {
          let (top, left) = (2 * (row * (height / 2) / height), 2 * (column * (width / 2) / width))
          for channel in 0..<channels {
            let pixels = [(0, 0), (0, 1), (1, 0), (1, 1)].map { down, right in
              input.values[((image * height + top + down) * width + left + right) * channels + channel]
            }
            expected.append(Double(pixels.max()!))
          }
        }
      }
    }
    #expect(found.values.map(Double.init) == expected)
  }

  @Test func standardizedWeightsHaveTheirGain() throws {
    let weights: [Float] = [1, 2, 3, 6]
    let convolution = Convolution(
      weight: "weight", bias: nil, window: Window(1), groups: 1, inputChannels: 4, outputChannels: 1,
      standardization: WeightStandardization(gain: "gain", scale: 3, eps: 0.5))
    let input = Tensor(shape: [1, 1, 4, 4], values: (0..<16).map { $0 % 5 == 0 ? 1 : 0 })
    let found = try run(
      .convolution(convolution), on: input, slices: [], channels: 1,
      tensors: ["weight": weights, "gain": [2]])
    // Mean 3 and variance 3.5.
    #expect(Self.error(found.values, [-6, -3, 0, 9]) < 1e-6)
  }
}
