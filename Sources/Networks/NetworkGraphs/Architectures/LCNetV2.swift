/// PP-LCNetV2 with the key names of timm, before its branches are fused.
///
/// Cui et al., "PP-LCNet: A Lightweight CPU Convolutional Neural Network" (2021), in the second version of its authors'
/// library: depthwise convolutions of several sizes are added.
struct LCNetV2: TabulatedArchitecture {
  static let family = "lcnetv2"

  let published: Published

  private var act: Activation { row.activation("act") }

  func build(_ b: inout GraphBuilder) throws -> GraphBuilder.Value {
    var x = try b.unit(b.input(), "stem.0", stride: 2, act)
    x = try block(&b, x, "stem.1", stride: 1, skips: false)
    let shortcuts = row.integers("shortcuts")
    for (stage, count) in row.integers("blocks").enumerated() {
      for index in 0..<count {
        x = try block(
          &b, x, "stages.\(stage).\(index)", stride: index == 0 ? 2 : 1, skips: shortcuts[stage] == 1)
      }
    }
    x = b.activation(try b.pointwise(b.globalAverage(x), "conv_head"), act)
    return try b.head(x, "classifier")
  }

  private func block(
    _ b: inout GraphBuilder, _ x: GraphBuilder.Value, _ name: String, stride: Int, skips: Bool
  ) throws -> GraphBuilder.Value {
    var y: GraphBuilder.Value
    if b.state.contains("\(name).dw_conv.conv.weight") {
      y = try b.unit(x, "\(name).dw_conv", stride: stride, act)
    } else {
      y = try b.unit(x, "\(name).dw_conv_list.0", stride: stride, .identity)
      for index in 0..<b.state.count("\(name).dw_conv_list.", from: 1, ".conv.weight") {
        let branch = "\(name).dw_conv_list.\(index + 1)"
        y = try b.add(y, b.unit(x, branch, stride: stride, .identity), "\(branch).conv")
      }
      y = b.activation(y, act)
    }
    y = try b.channelGate(y, "\(name).se", inner: act)
    if b.state.contains("\(name).pw_conv.conv.weight") {
      y = try b.unit(y, "\(name).pw_conv", act)
    } else {
      y = try b.unit(b.unit(y, "\(name).pw_conv.0", act), "\(name).pw_conv.1", act)
    }
    return skips && stride == 1 && y.channels == x.channels ? try b.add(y, x, name) : y
  }
}
