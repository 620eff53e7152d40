/// MobileNetV2 with torchvision's key names.
///
/// Sandler et al., "MobileNetV2: Inverted Residuals and Linear Bottlenecks" (2018).
struct MobileNetV2: Architecture {
  static let names = ["mobilenet_v2"]

  let name: String
  private let blocks: Int

  let headName = "classifier.1"

  static func recognises(_ state: StateDict) -> Bool {
    state.isConvolution("features.0.0.weight") && state.isConvolution("features.1.conv.0.0.weight")
      && state.contains("classifier.1.weight")
  }

  init(_ state: StateDict, name requested: String?) throws {
    blocks = state.count("features.", from: 1, ".conv.0.0.weight")
    let (stem, head) = (
      state.shape("features.0.0.weight")?.first ?? 0, state.shape("classifier.1.weight")?.last ?? 0
    )
    name = (blocks, stem, head) == (17, 32, 1280) ? "mobilenet_v2" : "mobilenet_v2 [\(blocks)] width \(stem)"
    // The weights do not show where the resolution halves; the published depth determines it.
    if blocks != 17 {
      throw NetworkError.otherArchitecture(
        label: state.label, requested: "mobilenet_v2 of 17 blocks", found: name)
    }
  }

  func build(_ b: inout GraphBuilder) throws -> GraphBuilder.Value {
    var x = b.input()
    x = try b.convolutionNorm(x, "features.0.0", "features.0.1", kernel: 3, stride: 2, .relu6)
    for index in 1...blocks {
      let stride = [2, 4, 7, 14].contains(index) ? 2 : 1
      let layer = "features.\(index).conv"
      var y = x
      var next = 0
      // The first block has no expansion.
      if b.state.isConvolution("\(layer).1.0.weight") {
        y = try b.convolutionNorm(y, "\(layer).0.0", "\(layer).0.1", .relu6)
        next = 1
      }
      y = try b.convolutionNorm(
        y, "\(layer).\(next).0", "\(layer).\(next).1", stride: stride, groups: .depthwise, .relu6)
      y = try b.convolutionNorm(y, "\(layer).\(next + 1)", "\(layer).\(next + 2)", .identity)
      x = stride == 1 && y.channels == x.channels ? try b.add(y, x, "\(layer).\(next + 1)") : y
    }
    x = try b.convolutionNorm(x, "features.\(blocks + 1).0", "features.\(blocks + 1).1", .relu6)
    return try b.linear(b.globalAverage(x), "classifier.1")
  }
}
