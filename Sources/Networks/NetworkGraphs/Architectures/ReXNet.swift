import Checkpoint

/// ReXNet with the key names of timm.
///
/// Han et al., "Rethinking Channel Dimensions for Efficient Model Design" (2021): inverted residuals that become wider
/// from block to block, with a shortcut into the first channels.
struct ReXNet: TabulatedArchitecture {
  static let family = "rexnet"

  let published: Published

  private var act: Activation { row.activation("act") }

  func build(_ b: inout GraphBuilder) throws -> GraphBuilder.Value {
    var x = try b.unit(b.input(), "stem", stride: 2, act)
    let strides = row.integers("strides")
    for (index, stride) in strides.enumerated() {
      x = try block(&b, x, "features.\(index)", stride: stride)
    }
    x = try b.unit(x, "features.\(strides.count)", act)
    return try b.head(b.globalAverage(x), "head.fc")
  }

  private func block(
    _ b: inout GraphBuilder, _ x: GraphBuilder.Value, _ name: String, stride: Int
  ) throws -> GraphBuilder.Value {
    var y = x
    if b.state.contains("\(name).conv_exp.conv.weight") { y = try b.unit(y, "\(name).conv_exp", act) }
    y = try b.unit(y, "\(name).conv_dw", stride: stride, .identity)
    y = try b.channelGate(
      y, "\(name).se", inner: row.has("gate-act") ? row.activation("gate-act") : .relu)
    y = b.activation(y, row.activation("depthwise-act"))
    y = try b.unit(y, "\(name).conv_pwl", .identity)
    guard stride == 1, x.channels <= y.channels else { return y }
    if x.channels == y.channels { return try b.add(y, x, "\(name).conv_pwl.conv") }
    let sum = try b.add(b.slice(y, 0..<x.channels), x, "\(name).conv_pwl.conv")
    return b.concatenate([sum, b.slice(y, x.channels..<y.channels)])
  }
}
