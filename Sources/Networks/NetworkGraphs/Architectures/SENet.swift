/// SENet, SE-ResNet and SE-ResNeXt with the key names of their first port to PyTorch (timm's `legacy_…`).
///
/// Hu et al., "Squeeze-and-Excitation Networks" (2018). Bottlenecks without groups stride in their first convolution, as in
/// Caffe; the others in their second.
struct SENet: Architecture {
  static let names = ["legacy_senet"]

  let name: String
  private let blocks: [Int]

  let headName = "last_linear"

  static func recognises(_ state: StateDict) -> Bool {
    state.isConvolution("layer0.conv1.weight") && state.contains("layer0.bn1.running_mean")
      && state.isConvolution("layer1.0.se_module.fc1.weight") && state.isConvolution("layer1.0.conv2.weight")
      && state.headName("last_linear") != nil
  }

  init(_ state: StateDict, name requested: String?) throws {
    blocks = state.residualBlocks(".conv1.weight")
    let kind = state.contains("layer1.0.conv3.weight") ? "bottleneck" : "basic"
    name = "legacy_senet \(list(blocks)) \(kind) width \(state.shape("layer1.0.conv1.weight")?.first ?? 0)"
  }

  func build(_ b: inout GraphBuilder) throws -> GraphBuilder.Value {
    var x = b.input()
    if b.state.contains("layer0.conv3.weight") {
      x = try b.convolutionNorm(x, "layer0.conv1", "layer0.bn1", kernel: 3, stride: 2, .relu)
      x = try b.convolutionNorm(x, "layer0.conv2", "layer0.bn2", kernel: 3, .relu)
      x = try b.convolutionNorm(x, "layer0.conv3", "layer0.bn3", kernel: 3, .relu)
    } else {
      x = try b.convolutionNorm(x, "layer0.conv1", "layer0.bn1", kernel: 7, stride: 2, .relu)
    }
    x = b.maxPool(x, Window(3, stride: 2, ceilMode: true))
    for (stage, count) in blocks.enumerated() {
      for index in 0..<count {
        x = try block(&b, x, "layer\(stage + 1).\(index)", stride: stage > 0 && index == 0 ? 2 : 1)
      }
    }
    return try b.head(b.globalAverage(x), "last_linear")
  }

  private func block(
    _ b: inout GraphBuilder, _ x: GraphBuilder.Value, _ name: String, stride: Int
  ) throws -> GraphBuilder.Value {
    let shortcut = try b.residualShortcut(x, name, stride: stride)
    let isBottleneck = b.state.contains("\(name).conv3.weight")
    let inputs = b.state.shape("\(name).conv1.weight")?.first ?? 0
    let hasGroups = b.state.shape("\(name).conv2.weight")?.dropFirst().first != inputs
    let stridesLate = isBottleneck && hasGroups
    var y = try b.convolutionNorm(
      x, "\(name).conv1", "\(name).bn1", kernel: isBottleneck ? 1 : 3, stride: stridesLate ? 1 : stride, .relu
    )
    y = try b.convolutionNorm(
      y, "\(name).conv2", "\(name).bn2", kernel: 3, stride: stridesLate ? stride : 1, groups: .fromShape,
      .relu)
    if isBottleneck {
      y = try b.convolutionNorm(y, "\(name).conv3", "\(name).bn3", kernel: 1, .identity)
    }
    y = try b.squeezeExcite(y, "\(name).se_module.fc1", "\(name).se_module.fc2", .relu, gate: .sigmoid)
    return b.activation(try b.add(y, shortcut, isBottleneck ? "\(name).conv3" : "\(name).conv2"), .relu)
  }
}
