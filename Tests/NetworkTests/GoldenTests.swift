import Checkpoint
import Platform
import TensorMath
import TestSupport
import Testing

@testable import NetworkExecution
@testable import NetworkGraphs

/// Logits of PyTorch for a really trained network and three random ones.
@Suite struct GoldenTests {
  static let networks = ["resnet18", "bottleneck", "resnext", "wide"]

  func network(_ name: String, _ golden: Golden) throws -> Network {
    let pool = ThreadPool(threads: 2)
    if let path = golden.source.metadata["checkpoint"] {
      return try Network(openCheckpoint(.path(Fixtures.path(path))), pool: pool)
    }
    let prefix = "model."
    var values: [TensorName: TensorValue] = [:]
    for tensor in golden.source.tensors where tensor.name.string.hasPrefix(prefix) {
      values[TensorName(String(tensor.name.string.dropFirst(prefix.count)))] = try golden.source.value(
        tensor.name)
    }
    return try Network(MemoryCheckpoint(values), pool: pool)
  }

  func input(_ golden: Golden) throws -> Tensor {
    let shape = try #require(golden.shape("input"))
    let (images, channels, height, width) = (shape[0], shape[1], shape[2], shape[3])
    let planes = try golden.floats("input")
    let tensor = Tensor(shape: [images, height, width, channels])
    for image in 0..<images {
      for channel in 0..<channels {
        for pixel in 0..<height * width {
          tensor.pointer[(image * height * width + pixel) * channels + channel] =
            planes[(image * channels + channel) * height * width + pixel]
        }
      }
    }
    return tensor
  }

  @Test(arguments: networks) func inferenceEqualsPyTorch(_ name: String) throws {
    let golden = try Golden("NetworkExecution/\(name)")
    let logits = try network(name, golden).logits(input(golden))
    #expect(relativeError(logits.values.map(Double.init), try golden.doubles("logits")) < 1e-5)
  }

  @Test(arguments: networks) func batchStatisticsEqualPyTorch(_ name: String) throws {
    let golden = try Golden("NetworkExecution/\(name)")
    let logits = try network(name, golden).forwardWithBatchStatistics(input(golden)) { _, _ in }
    #expect(relativeError(logits.values.map(Double.init), try golden.doubles("logits_train")) < 1e-4)
  }
}
