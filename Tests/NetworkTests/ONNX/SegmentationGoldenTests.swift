import Checkpoint
import Foundation
import Platform
import TensorMath
import TestSupport
import Testing

@testable import NetworkExecution
@testable import NetworkGraphs

/// Networks for segmentation and detection that PyTorch exported, with their own weights, against the moments that
/// PyTorch measures in float64; `fixtures/goldens/NetworkGraphs/make_segmentation_goldens.py` wrote the files.
struct SegmentationGoldenTests {
  static let names = [
    "unet-torchscript-17", "unet-dynamo-18", "yolo-torchscript-11", "yolo-dynamo-20", "bifpn-torchscript-16",
    "bifpn-dynamo-18",
  ]

  private static func path(_ name: String) -> String {
    Fixtures.path("goldens/NetworkGraphs/segmentation/\(name)")
  }

  /// The module's name in PyTorch; the exported one wraps it as `net`.
  private static func name(_ layer: BatchNormLayer) -> String {
    layer.name.utf8.starts(with: "net.".utf8) ? String(layer.name.dropFirst(4)) : layer.name
  }

  @Test(arguments: names)
  func momentsOfEveryBatchNormAgree(name: String) throws {
    let model = try ONNXModel(path: Self.path(name + ".onnx"))
    let network = try Network(
      ONNXCheckpoint(model), onnx: model, part: .batchNorms, pool: ThreadPool(threads: 2))
    let json = try JSON.parse([UInt8](Data(contentsOf: URL(fileURLWithPath: Self.path(name + ".json")))))
    for row in try #require(json["sizes"]?.arrayValue) {
      let (height, width) = (
        Int(try #require(ONNXGoldenTests.number(row["height"]))),
        Int(try #require(ONNXGoldenTests.number(row["width"])))
      )
      let expected = try #require(row["moments"])
      var measured: Set<String> = []
      try network.measureBatchStatistics(ONNXGoldenTests.input(height, width)) { layer, moments in
        let pair = try #require(expected[Self.name(layer)]?.arrayValue)
        let (means, variances) = (try ONNXGoldenTests.numbers(pair[0]), try ONNXGoldenTests.numbers(pair[1]))
        for channel in means.indices {
          let deviation = variances[channel].squareRoot() + 1e-12
          #expect(
            abs(moments.mean[channel] - means[channel]) < 1e-4 * deviation, "\(layer.name) [\(channel)]")
          #expect(
            abs(moments.biasedVariance[channel].squareRoot() - deviation) < 1e-4 * deviation,
            "\(layer.name) [\(channel)]")
        }
        measured.insert(Self.name(layer))
      }
      #expect(measured == Set((expected.objectValue ?? []).map(\.0)))
    }
  }
}
