/// TResNet with the key names of timm.
///
/// Ridnik et al., "TResNet: High Performance GPU-Dedicated Architecture" (2021): a stem of blocks of pixels, blurring in
/// place of strides, and ReLUs with a small slope below zero.
struct TResNet: TabulatedArchitecture {
  static let family = "tresnet"

  let published: Published

  func build(_ b: inout GraphBuilder) throws -> GraphBuilder.Value {
    b.patchSize = 4
    var x = try b.unit(b.spaceToDepth(b.input(), side: 4), "body.conv1", .identity)
    x = leaky(&b, x, slope: row.real("stem-slope"))
    for stage in 1..<5 {
      for index in 0..<b.state.count("body.layer\(stage).", ".conv1.conv.weight") {
        x = try block(&b, x, "body.layer\(stage).\(index)", stride: stage > 1 && index == 0 ? 2 : 1)
      }
    }
    return try b.head(b.globalAverage(x), "head.fc")
  }

  private func leaky(_ b: inout GraphBuilder, _ x: GraphBuilder.Value, slope: Double) -> GraphBuilder.Value {
    b.append("leaky", .function(.leakyRelu(slope: Float(slope))), [x], channels: x.channels)
  }

  private func block(
    _ b: inout GraphBuilder, _ x: GraphBuilder.Value, _ name: String, stride: Int
  ) throws -> GraphBuilder.Value {
    let slope = row.real("slope")
    let isBottleneck = b.state.contains("\(name).conv3.conv.weight")
    var y = leaky(&b, try b.unit(x, "\(name).conv1", .identity), slope: slope)
    if isBottleneck {
      y = leaky(&b, try b.unit(y, "\(name).conv2", .identity), slope: slope)
    }
    if stride > 1 { y = b.blurPool(y, stride: stride) }
    if !isBottleneck { y = try b.unit(y, "\(name).conv2", .identity) }
    y = try b.channelGate(y, "\(name).se")
    if isBottleneck { y = try b.unit(y, "\(name).conv3", .identity) }
    var shortcut = x
    if stride > 1 {
      shortcut = b.averagePool(x, Window(2, stride: stride, ceilMode: true), countIncludePad: false)
    }
    if let layer = (0..<2).map({ "\(name).downsample.\($0)" }).first(where: {
      b.state.contains("\($0).conv.weight")
    }) {
      shortcut = try b.unit(shortcut, layer, .identity)
    }
    return b.activation(try b.add(y, shortcut, "\(name).conv2.conv"), .relu)
  }
}
