import Checkpoint
import Platform
import Statistics
import TensorMath
import Testing

@testable import NetworkExecution
@testable import NetworkGraphs

/// Whole networks behind a cut.
@Suite struct TrainableLayersTests {
  /// A family's small network cut before its last block; nil where one of its layers has no gradient.
  private func layers(
    _ network: Network, _ point: NetworkCut.Point, _ input: Tensor, threads: Int = 2
  ) throws -> (cut: NetworkCut, layers: TrainableLayers)? {
    let cut = try NetworkCut(network.description, at: point)
    do {
      let layers = try TrainableLayers(
        network, cut: cut, height: input.shape[1], width: input.shape[2], pool: ThreadPool(threads: threads))
      // Weights of a classifier are the caller's to set.
      let head = try #require(network.classifier)
      for tensor in layers.tensors where tensor.name == head.weightKey || tensor.name == head.biasKey {
        for (index, value) in try network.parameter(tensor.name).floats().enumerated() {
          tensor.value.pointer[index] = value
        }
      }
      return (cut, layers)
    } catch NetworkError.notDifferentiable {
      return nil
    }
  }

  /// Frozen and tuned part in sequence give the network's logits, wherever a supported network is cut.
  @Test(arguments: FamilyGolden.all) func bothPartsGiveTheLogits(_ golden: FamilyGolden) throws {
    let network = try Network(golden.description(), pool: ThreadPool(threads: 2))
    let input = try golden.input()
    guard let head = network.classifier, !head.isTransposed else { return }
    let expected = try network.logits(input).values
    let scale = expected.map(abs).max()!
    for count in 1...min(3, network.description.graph.blocks.count) {
      guard let (cut, layers) = try layers(network, .lastBlocks(count), input) else { continue }
      let maps = try network.maps(at: cut, of: input)
      #expect(maps.shape == [input.shape[0], layers.floatsPerImage])
      let found = layers.logits(maps.pointer, images: input.shape[0], mode: .inference).values
      let worst = zip(found, expected).map { abs($0 - $1) }.max()!
      #expect(worst < 1e-4 * scale, "the last \(count) blocks are off by \(worst) of \(scale)")
    }
  }

  /// Families that the tool promises to train.
  static let promised = ["resnet", "mobilenet", "efficientnet", "densenet", "convnext", "vit"]

  @Test func promisedFamiliesHaveGradients() throws {
    for family in Self.promised {
      let goldens = FamilyGolden.all.filter { $0.testDescription.contains(family) }
      #expect(!goldens.isEmpty, "\(family)")
      var isSupported = false
      for golden in goldens {
        let network = try Network(golden.description(), pool: ThreadPool(threads: 1))
        isSupported = try isSupported || layers(network, .lastBlocks(1), golden.input()) != nil
      }
      #expect(isSupported, "\(family)")
    }
  }

  @Test func layersWithoutGradientsAreNamed() throws {
    var maker = ONNXMaker()
    maker.input("x", [1, 2, 4, 4])
    maker.output("logits")
    maker.tensor("0.weight", [2, 2, 1, 1], Array(repeating: 1, count: 4))
    maker.node("Conv", ["x", "0.weight"], ["c"])
    maker.tensor("1.weight", [2, 2, 2, 2], Array(repeating: 1, count: 16))
    maker.node("ConvTranspose", ["c", "1.weight"], ["u"], ["strides": .ints([2, 2])])
    maker.node("GlobalAveragePool", ["u"], ["p"])
    maker.node("Flatten", ["p"], ["f"])
    maker.tensor("head.weight", [3, 2], Array(repeating: 1, count: 6))
    maker.node("Gemm", ["f", "head.weight"], ["logits"], ["transB": .ints([1])])
    let model = try maker.parsed()
    let pool = ThreadPool(threads: 1)
    let network = try Network(ONNXCheckpoint(model), onnx: model, pool: pool)
    let cut = try NetworkCut(network.description, at: .from("1"))
    #expect(cut.trained.map(\.string) == ["1.weight", "head.weight"])
    let error = #expect(throws: NetworkError.self) {
      _ = try TrainableLayers(network, cut: cut, height: 4, width: 4, pool: pool)
    }
    #expect(error?.description.contains("the operation transposedConvolution has no gradient") == true)
  }

  static let checkpoint = StateDictMaker.resNet(blocks: [1, 1, 1, 2], isBottleneck: true, base: 4, groups: 2)

  private func input(_ images: Int, _ side: Int) -> Tensor {
    var generator = SeededGenerator(seed: 5)
    return Tensor(
      shape: [images, side, side, 3],
      values: (0..<images * side * side * 3).map { _ in Float(generator.normal()) })
  }

  private struct Gradients: Equatable {
    var logits: [Float]
    var values: [[Float]]
  }

  /// Logits and gradients of the sum of `slope` times the logits.
  private func gradients(_ mode: TrainableLayers.Mode, threads: Int) throws -> Gradients {
    let network = try Network(Self.checkpoint, pool: ThreadPool(threads: threads))
    let input = input(6, 64)
    let (cut, layers) = try #require(try layers(network, .from("layer3.0.conv2"), input, threads: threads))
    let maps = try network.maps(at: cut, of: input)
    layers.clearGradients()
    let logits = layers.logits(maps.pointer, images: 6, mode: mode).values
    layers.backward(slope(logits.count))
    return Gradients(logits: logits, values: layers.tensors.compactMap { $0.gradient?.values })
  }

  private func slope(_ count: Int) -> [Float] {
    var generator = SeededGenerator(seed: 8)
    return (0..<count).map { _ in Float(generator.normal()) }
  }

  @Test(arguments: [TrainableLayers.Mode.training, .trainingWithRunningStatistics])
  func threadsChangeNoBit(_ mode: TrainableLayers.Mode) throws {
    #expect(try gradients(mode, threads: 1) == gradients(mode, threads: 3))
  }

  /// The gradient along a random direction against a difference of whole forward passes.
  @Test(arguments: [TrainableLayers.Mode.trainingWithBatchStatistics, .trainingWithRunningStatistics])
  func gradientsAddUpThroughTheNetwork(_ mode: TrainableLayers.Mode) throws {
    let network = try Network(Self.checkpoint, pool: ThreadPool(threads: 2))
    let input = input(6, 64)
    let (cut, layers) = try #require(try layers(network, .from("layer4.0.conv2"), input))
    let maps = try network.maps(at: cut, of: input)
    // Running statistics of a random network do not fit: its logits are large, and differences of them coarse.
    layers.collectMoments()
    _ = layers.logits(maps.pointer, images: 6, mode: .trainingWithBatchStatistics)
    layers.useCollectedMoments()
    layers.clearGradients()
    let logits = layers.logits(maps.pointer, images: 6, mode: mode).values
    let slope = slope(logits.count)
    layers.backward(slope)
    var generator = SeededGenerator(seed: 21)
    for tensor in layers.tensors {
      let gradient = try #require(tensor.gradient)
      let start = tensor.value.values
      let direction = start.map { _ in Float(generator.normal()) }
      let size = (start.reduce(0) { $0 + $1 * $1 } / direction.reduce(0) { $0 + $1 * $1 }).squareRoot()
      func loss(_ distance: Float) -> Double {
        for (index, value) in start.enumerated() {
          tensor.value.pointer[index] = value + distance * size * direction[index]
        }
        layers.weightsChanged()
        return zip(layers.logits(maps.pointer, images: 6, mode: mode).values, slope)
          .reduce(0) { $0 + Double($1.0) * Double($1.1) }
      }
      let expected =
        zip(gradient.values, direction).reduce(0) { $0 + Double($1.0) * Double($1.1) } * Double(size)
      let scale = Double(slope.reduce(0) { $0 + $1 * $1 }.squareRoot())
      // Long steps cross kinks of activations, short ones are rounded: a right gradient is met in between.
      let found = [2e-3, 5e-4, 1e-4].map { (step: Float) in (loss(step) - loss(-step)) / Double(2 * step) }
      _ = loss(0)
      let error = found.map { abs($0 - expected) }.min()!
      #expect(error < 0.02 * max(abs(expected), scale), "\(tensor.name): \(found), \(expected)")
    }
  }

  /// Running statistics move as PyTorch moves them, only in training, and recalibration replaces them by the pooled ones.
  @Test func statisticsFollowTheMode() throws {
    let network = try Network(Self.checkpoint, pool: ThreadPool(threads: 2))
    let input = input(6, 64)
    let (cut, layers) = try #require(try layers(network, .lastBlocks(1), input))
    let maps = try network.maps(at: cut, of: input)
    let before = layers.statistics
    for mode in [
      TrainableLayers.Mode.inference, .trainingWithRunningStatistics, .trainingWithBatchStatistics,
    ] {
      _ = layers.logits(maps.pointer, images: 6, mode: mode)
      #expect(layers.statistics == before)
    }
    layers.collectMoments()
    _ = layers.logits(maps.pointer, images: 6, mode: .trainingWithBatchStatistics)
    layers.useCollectedMoments()
    let pooled = layers.statistics
    layers.statistics = before
    _ = layers.logits(maps.pointer, images: 6, mode: .training)
    let pixels = Double(try #require(layers.valuesPerChannel(images: 6)))
    for (index, layer) in layers.batchNorms.enumerated() where layer.name.hasSuffix("bn3") {
      for channel in 0..<layer.channels {
        let unbiased = pooled[index].variance[channel] * pixels / (pixels - 1)
        let expected = 0.9 * before[index].variance[channel] + 0.1 * unbiased
        #expect(abs(layers.statistics[index].variance[channel] - expected) < 1e-9 * max(1, expected))
        let mean = 0.9 * before[index].mean[channel] + 0.1 * pooled[index].mean[channel]
        #expect(abs(layers.statistics[index].mean[channel] - mean) < 1e-9)
      }
    }
  }

  /// Stochastic depth changes training alone, and only with draws.
  @Test func branchesAreLeftOutInTrainingAlone() throws {
    let network = try Network(Self.checkpoint, pool: ThreadPool(threads: 2))
    let input = input(6, 64)
    let cut = try NetworkCut(network.description, at: .lastBlocks(2))
    let maps = try network.maps(at: cut, of: input)
    func logits(_ rate: Double, _ mode: TrainableLayers.Mode, _ step: Int?) throws -> [Float] {
      let layers = try TrainableLayers(
        network, cut: cut, height: 64, width: 64, dropPath: rate, pool: ThreadPool(threads: 2))
      for tensor in layers.tensors where tensor.name == "fc.weight" {
        for index in 0..<tensor.value.count { tensor.value.pointer[index] = Float(index % 7) - 3 }
      }
      let draws = step.map { DropPath(seed: 3, step: $0, firstImage: 0) }
      return layers.logits(maps.pointer, images: 6, mode: mode, dropPath: draws).values
    }
    let plain = try logits(0, .trainingWithRunningStatistics, nil)
    #expect(try logits(0.9, .inference, nil) == plain)
    #expect(try logits(0, .trainingWithRunningStatistics, 1) == plain)
    let first = try logits(0.9, .trainingWithRunningStatistics, 1)
    #expect(try first != plain && first != logits(0.9, .trainingWithRunningStatistics, 2))
    #expect(try first == logits(0.9, .trainingWithRunningStatistics, 1))
  }

  /// Stochastic depth keeps the mean of a branch and leaves out about as many as it should.
  @Test func stochasticDepthKeepsTheMean() {
    var kept = 0.0
    for image in 0..<4000 {
      let factor = DropPath(seed: 1, step: 3, firstImage: 0).factor(rate: 0.25, node: 7, image: image)
      #expect(factor == 0 || factor == 4 / 3 as Float)
      kept += Double(factor)
    }
    #expect(abs(kept / 4000 - 1) < 0.04)
    // The number of the image counts within the step, however it is divided.
    let whole = DropPath(seed: 1, step: 3, firstImage: 0).factor(rate: 0.5, node: 7, image: 9)
    #expect(DropPath(seed: 1, step: 3, firstImage: 8).factor(rate: 0.5, node: 7, image: 1) == whole)
  }
}
