import Checkpoint
import NetworkExecution
import NetworkGraphs
import Platform
import TensorMath
import Testing

struct NetworkErrorTests {
  private let good = StateDictMaker.resNet(blocks: [1, 1], isBottleneck: false, base: 4)

  private func message(_ checkpoint: MemoryCheckpoint, architecture: String? = nil) throws -> String {
    let error = try #require(throws: NetworkError.self) {
      _ = try Network(checkpoint, architecture: architecture, pool: ThreadPool(threads: 1))
    }
    return error.description
  }

  private func zeros(_ shape: [Int]) -> TensorValue {
    TensorValue(f32: Array(repeating: 0, count: shape.reduce(1, *)), shape: shape)
  }

  @Test func missingTensor() throws {
    let text = try message(good.removing("layer2.0.bn2.running_var"))
    #expect(
      text
        == #"memory: tensor "layer2.0.bn2.running_var" is missing (the other keys are those of resnet [1,1] basic width 4)"#
    )
  }

  @Test(arguments: [
    ("layer1.0.conv2.weight", [4, 3, 3, 3], "[*, 4, 3, 3]"),
    ("layer2.0.conv1.weight", [8, 4, 9], "[*, 4, 3, 3]"),
    ("layer2.0.bn1.weight", [7], "[8]"),
    ("layer2.0.bn1.running_mean", [8, 1], "[8]"),
    ("fc.weight", [5, 9], "[*, 8]"),
    ("fc.bias", [4], "[5]"),
    ("conv1.weight", [4, 4, 7, 7], "[*, 3, 7, 7]"),
    ("layer2.0.downsample.0.weight", [0, 4, 1, 1], "[*, 4, 1, 1]"),
  ])
  func wrongShape(key: String, shape: [Int], expected: String) throws {
    let found = "[" + shape.map(String.init).joined(separator: ", ") + "]"
    let text = try message(good.replacing([TensorName(key): zeros(shape)]))
    #expect(text == #"memory: tensor "\#(key)": expected shape \#(expected), found F32 \#(found)"#)
  }

  @Test func sumOfDifferentWidths() throws {
    let checkpoint = good.replacing([
      "layer1.0.conv2.weight": zeros([6, 4, 3, 3]), "layer1.0.bn2.weight": zeros([6]),
      "layer1.0.bn2.bias": zeros([6]), "layer1.0.bn2.running_mean": zeros([6]),
      "layer1.0.bn2.running_var": zeros([6]),
    ])
    #expect(
      try message(checkpoint).hasPrefix(#"memory: tensor "layer1.0.conv2.weight": expected shape [4, "#))
  }

  /// The size comes from a file, and a system promises memory that it does not have.
  @Test func sizesThatTakeMoreMemoryThanThereIsAreRefused() throws {
    let network = try Network(good, pool: ThreadPool(threads: 1))
    func needed(_ size: Int, images: Int, batches: Int = 1, together: Bool) throws -> Int {
      do {
        try network.checkMemory(
          height: size, width: size, images: images, batches: batches, normalizesByBatch: together,
          available: 0)
        return 0
      } catch {
        guard case .exceedsMemory(size, size, images, let needed, 0) = error else { throw error }
        return needed
      }
    }
    let input = 4 * 3 * 64 * 64
    let one = try needed(64, images: 1, together: true)
    // Beside the batch there are at least the input and the first convolution's map of 4 channels at half the size.
    #expect(one >= 2 * input + 4 * 4 * 32 * 32)
    #expect(try needed(64, images: 10, together: true) == 10 * one)
    #expect(try needed(64, images: 10, together: false) == one + 9 * input)
    #expect(try needed(64, images: 10, batches: 3, together: true) == 10 * one + 20 * input)
    #expect(try needed(64, images: Int.max, together: true) == Int.max)
    #expect(try needed(64, images: 1, batches: Int.max, together: true) == Int.max)
    // Several threads have images of their own as soon as there are enough for all.
    let onThreads = try Network(good, pool: ThreadPool(threads: 2))
    for (images, maps) in [(3, 1), (4, 2)] {
      #expect(throws: Never.self) {
        try onThreads.checkMemory(
          height: 64, width: 64, images: images, batches: 1, normalizesByBatch: false,
          available: images * input + maps * (one - input))
      }
      #expect(throws: NetworkError.self) {
        try onThreads.checkMemory(
          height: 64, width: 64, images: images, batches: 1, normalizesByBatch: false,
          available: images * input + maps * (one - input) - 1)
      }
    }
    // What is too small for the network is an error of the pass.
    #expect(try needed(0, images: 1, together: true) == 0)
    try network.checkMemory(
      height: 64, width: 64, images: 1, batches: 1, normalizesByBatch: true, available: one)
    let error = NetworkError.exceedsMemory(
      height: 16384, width: 16384, images: 16, needed: 100 << 30, available: 24 << 30)
    #expect(error.kind == .badData)
    #expect(
      error.description
        == "a batch of 16 images of 16384x16384 pixels takes at least 100 GiB of memory, of which there are 24 GiB"
    )
  }

  @Test func integerWeights() throws {
    let text = try message(good.replacing(["fc.bias": TensorValue(i64: [1, 2, 3, 4, 5], shape: [5])]))
    #expect(text == #"memory: tensor "fc.bias": expected a floating-point type, found I64 [5]"#)
  }

  @Test func unknownArchitectureSaysWhatItSaw() throws {
    let text = try message(
      MemoryCheckpoint(["a.weight": zeros([3, 3, 1, 1]), "b.running_mean": zeros([3])]))
    #expect(text.hasPrefix("memory: unknown architecture: 2 tensors, 1 convolutions, 1 BatchNorms"))
    #expect(text.contains(#""a.weight""#))
    #expect(text.contains("the families known are resnet"))
  }

  @Test func networksWithoutBatchNormAreRefusedWithTheReason() throws {
    let text = try message(MemoryCheckpoint(["blocks.0.attn.qkv.weight": zeros([3, 3])]))
    #expect(text.hasPrefix("memory: unknown architecture: 1 tensors, 0 convolutions, 0 BatchNorms"))
    #expect(text.hasSuffix(#"keys such as "blocks.0.attn.qkv.weight""#))
  }

  @Test func refusesTensorsThatNoLayerReads() throws {
    let text = try message(good.replacing(["layer1.0.eca.conv.weight": zeros([1, 1, 3])]))
    #expect(text.hasPrefix("memory: not the resnet [1,1] basic width 4 that its other tensors suggest"))
    #expect(text.hasSuffix(#"which does not use "layer1.0.eca.conv.weight""#))
  }

  @Test func refusesStemsForSmallImagesWithoutTheirName() throws {
    let small = good.replacing(["conv1.weight": zeros([4, 3, 3, 3])])
    #expect(try message(small).contains("do not prove the architecture resnet-cifar"))
    let named = try NetworkDescription(small, architecture: "resnet-cifar")
    // Without stride and pooling the first stage keeps the size of the image.
    #expect(try named.graph.sizes(height: 32, width: 32)[1] == MapSize(height: 32, width: 32, channels: 4))
  }

  @Test func readsAHeadBehindADropout() throws {
    let moved = good.removing("fc.weight").removing("fc.bias").replacing([
      "fc.1.weight": zeros([5, 8]), "fc.1.bias": zeros([5]),
    ])
    #expect(try NetworkDescription(moved).classCount == 5)
  }

  @Test func networksOfTheSameKeysAreAlternatives() throws {
    let checkpoint = StateDictMaker.resNet(blocks: [2, 2, 2, 2], isBottleneck: false, base: 64, classes: 3)
    let description = try NetworkDescription(checkpoint)
    #expect(description.architectureName == "resnet18")
    #expect(description.alternatives == ["resnetblur18"])
    #expect(try NetworkDescription(checkpoint, architecture: "resnet18").alternatives.isEmpty)
    #expect(try NetworkDescription(good).alternatives.isEmpty)
  }

  @Test func networksThatBlurAreTakenWhenNamed() throws {
    let checkpoint = StateDictMaker.resNet(blocks: [2, 2, 2, 2], isBottleneck: false, base: 64, classes: 3)
    let blurred = try NetworkDescription(checkpoint, architecture: "resnetblur18")
    #expect(blurred.architectureName == "resnetblur18" && blurred.alternatives.isEmpty)
    let plain = try NetworkDescription(checkpoint, architecture: "resnet18")
    #expect(blurred.graph != plain.graph)
    #expect(
      try blurred.graph.sizes(height: 65, width: 64).last == plain.graph.sizes(height: 65, width: 64).last)
    #expect(try message(checkpoint, architecture: "resnetblur50").contains("found resnet18"))
  }

  @Test func namesTheArchitectureFoundAndTheKnownOnes() throws {
    #expect(
      try message(good, architecture: "resnet50").contains(
        "expected the architecture resnet50, found resnet [1,1]"))
    let unknown = try #require(throws: NetworkError.self) {
      _ = try Network(good, architecture: "lenet", pool: ThreadPool(threads: 1))
    }
    #expect(unknown.description.hasPrefix(#"unknown architecture "lenet"; known are resnet"#))
    #expect(unknown.kind == .usage)
    for name in ["resnet", "resnet [1,1] basic width 4"] {
      let network = try Network(good, architecture: name, pool: ThreadPool(threads: 1))
      #expect(network.architectureName == "resnet [1,1] basic width 4")
    }
  }

  @Test func publishedNamesAreRecognised() throws {
    let checkpoint = StateDictMaker.resNet(blocks: [2, 2, 2, 2], isBottleneck: false, base: 64, classes: 3)
    #expect(try Network(checkpoint, pool: ThreadPool(threads: 1)).architectureName == "resnet18")
  }

  @Test func wrongInputs() throws {
    let network = try Network(good, pool: ThreadPool(threads: 1))
    #expect(throws: NetworkError.wrongInput(expected: [nil, nil, nil, 3], found: [1, 32, 32, 4])) {
      try network.logits(Tensor(shape: [1, 32, 32, 4]))
    }
    #expect(throws: NetworkError.wrongInput(expected: [nil, nil, nil, 3], found: [32, 32, 3])) {
      try network.logits(Tensor(shape: [32, 32, 3]))
    }
    #expect(throws: NetworkError.inputTooSmall(height: 0, width: 5, layer: "input")) {
      try network.logits(Tensor(shape: [1, 0, 5, 3]))
    }
  }

  @Test func missingParameter() throws {
    let network = try Network(good, pool: ThreadPool(threads: 1))
    #expect(throws: NetworkError.self) { try network.parameter("nothing") }
    #expect(try network.parameter("fc.bias").shape == [5])
  }

  @Test func halfPrecisionWeightsAreWidened() throws {
    let halves: [Float16] = [1, -0.5, 2, 0.25, 3]
    let bytes = halves.withUnsafeBytes { Array($0) }
    let wide = good.replacing(["fc.bias": TensorValue(f32: halves.map(Float.init), shape: [5])])
    let narrow = good.replacing(["fc.bias": TensorValue(dtype: .f16, shape: [5], bytes: bytes)])
    let input = Tensor(shape: [1, 32, 32, 3], values: Array(repeating: 0.5, count: 32 * 32 * 3))
    let pool = ThreadPool(threads: 1)
    #expect(
      try Network(wide, pool: pool).logits(input).values == Network(narrow, pool: pool).logits(input).values)
  }
}
