import Checkpoint
import Statistics

/// A checkpoint whose tensors are made by the test.
final class MemoryCheckpoint: CheckpointSource {
  let label = "memory"
  let tensors: [TensorSpec]
  let metadata = Metadata()
  private let values: [TensorName: TensorValue]

  init(_ values: [TensorName: TensorValue]) {
    self.values = values
    tensors = values.keys.sorted().map {
      TensorSpec(name: $0, dtype: values[$0]!.dtype, shape: values[$0]!.shape)
    }
  }

  func reader(at index: Int) -> TensorReader {
    let bytes = values[tensors[index].name]!.bytes
    return { $1.copyBytes(from: bytes[$0..<$0 + $1.count]) }
  }

  /// A copy with some tensors exchanged.
  func replacing(_ changes: [TensorName: TensorValue]) -> MemoryCheckpoint {
    MemoryCheckpoint(values.merging(changes) { $1 })
  }

  /// A copy without one tensor.
  func removing(_ name: TensorName) -> MemoryCheckpoint { MemoryCheckpoint(values.filter { $0.key != name }) }

  func floats(_ key: String) -> [Float] { try! values[TensorName(key)]!.floats() }
  func shape(_ key: String) -> [Int]? { values[TensorName(key)]?.shape }
}

/// Writes random layers into a state dict.
struct StateDictMaker {
  private(set) var values: [TensorName: TensorValue] = [:]
  private var generator = SeededGenerator(seed: 9)

  mutating func tensor(_ name: String, _ shape: [Int], mean: Double = 0, deviation: Double = 1) {
    let floats = (0..<shape.reduce(1, *)).map { _ in Float(mean + deviation * generator.normal()) }
    values[TensorName(name)] = TensorValue(f32: floats, shape: shape)
  }

  mutating func convolution(_ name: String, _ outputs: Int, _ depth: Int, _ kernel: Int, bias: Bool = false) {
    let deviation = (2 / Double(depth * kernel * kernel)).squareRoot()
    tensor(name + ".weight", [outputs, depth, kernel, kernel], deviation: deviation)
    if bias { tensor(name + ".bias", [outputs], deviation: 0.2) }
  }

  mutating func batchNorm(_ name: String, _ channels: Int) {
    tensor(name + ".weight", [channels], mean: 1, deviation: 0.2)
    tensor(name + ".bias", [channels], deviation: 0.2)
    tensor(name + ".running_mean", [channels], deviation: 0.2)
    let variances = (0..<channels).map { _ in Float(generator.uniform(in: 0.5..<2)) }
    values[TensorName(name + ".running_var")] = TensorValue(f32: variances, shape: [channels])
    values[TensorName(name + ".num_batches_tracked")] = TensorValue(i64: [7], shape: [])
  }

  mutating func linear(_ name: String, _ outputs: Int, _ inputs: Int) {
    tensor(name + ".weight", [outputs, inputs], deviation: (1 / Double(inputs)).squareRoot())
    tensor(name + ".bias", [outputs], deviation: 0.2)
  }

  /// A small residual network; `groups` and `width` are those of the Bottlenecks' middle.
  static func resNet(
    blocks: [Int], isBottleneck: Bool, base: Int, groups: Int = 1, width: Int? = nil, classes: Int = 5
  ) -> MemoryCheckpoint {
    var maker = StateDictMaker()
    let expansion = isBottleneck ? 4 : 1
    maker.convolution("conv1", base, 3, 7)
    maker.batchNorm("bn1", base)
    var channels = base
    for (stage, count) in blocks.enumerated() {
      let inner = (width ?? base) << stage
      let outputs = (base << stage) * expansion
      for index in 0..<count {
        let name = "layer\(stage + 1).\(index)"
        if isBottleneck {
          maker.convolution(name + ".conv1", inner, channels, 1)
          maker.batchNorm(name + ".bn1", inner)
          maker.convolution(name + ".conv2", inner, inner / groups, 3)
          maker.batchNorm(name + ".bn2", inner)
          maker.convolution(name + ".conv3", outputs, inner, 1)
          maker.batchNorm(name + ".bn3", outputs)
        } else {
          maker.convolution(name + ".conv1", outputs, channels, 3)
          maker.batchNorm(name + ".bn1", outputs)
          maker.convolution(name + ".conv2", outputs, outputs, 3)
          maker.batchNorm(name + ".bn2", outputs)
        }
        if index == 0 && (stage > 0 || channels != outputs) {
          maker.convolution(name + ".downsample.0", outputs, channels, 1)
          maker.batchNorm(name + ".downsample.1", outputs)
        }
        channels = outputs
      }
    }
    maker.linear("fc", classes, channels)
    return MemoryCheckpoint(maker.values)
  }
}
