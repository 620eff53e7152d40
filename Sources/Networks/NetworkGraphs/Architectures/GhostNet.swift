import Checkpoint

/// GhostNet V1 to V3 and RepGhost with the key names of timm.
///
/// Han et al., "GhostNet: More Features from Cheap Operations" (2020): half of a layer's channels are depthwise
/// convolutions of the other half; Tang et al., "GhostNetV2" (2022) for gates of long range; Liu et al., "GhostNetV3"
/// (2024) and Chen et al., "RepGhost" (2022) for branches that inference would merge, which are computed one by one.
struct GhostNet: TabulatedArchitecture {
  static let family = "ghostnet"

  let published: Published

  func build(_ b: inout GraphBuilder) throws -> GraphBuilder.Value {
    var x = try b.convolutionNorm(b.input(), "conv_stem", "bn1", stride: 2, .relu)
    for (stage, count) in row.integers("blocks").enumerated() {
      for index in 0..<count {
        let name = "blocks.\(stage).\(index)"
        x =
          b.state.contains("\(name).conv.weight")
          ? try b.unit(x, name, norm: "bn1", .relu) : try block(&b, x, name)
      }
    }
    x = b.activation(try b.convolution(b.globalAverage(x), "conv_head"), .relu)
    return try b.head(x, "classifier")
  }

  private func block(
    _ b: inout GraphBuilder, _ x: GraphBuilder.Value, _ name: String
  ) throws -> GraphBuilder.Value {
    // Only blocks that stride have a depthwise convolution between their layers.
    var stride = 1
    var y = try ghost(&b, x, "\(name).ghost1", .relu)
    if b.state.contains("\(name).conv_dw.weight") {
      stride = 2
      y = try b.convolutionNorm(
        y, "\(name).conv_dw", "\(name).bn_dw", stride: stride, groups: .depthwise, .identity)
    } else if b.state.contains("\(name).dw_rpr_scale.conv.weight") {
      stride = 2
      let scaled = try b.unit(y, "\(name).dw_rpr_scale", stride: stride, norm: "bn1", .identity)
      y = try branches(&b, y, "\(name).dw_rpr_conv", stride: stride, plus: scaled)
    }
    if b.state.contains("\(name).se.conv_reduce.weight") {
      y = try b.channelGate(
        y, "\(name).se", inner: row.activation("gate-act"), outer: row.activation("gate"))
    }
    y = try ghost(&b, y, "\(name).ghost2", .identity)
    guard b.state.isConvolution("\(name).shortcut.0.weight") else {
      return try b.add(y, x, "\(name).ghost2")
    }
    var past = try b.pair(x, "\(name).shortcut", stride: stride, .identity)
    past = try b.pair(past, "\(name).shortcut", first: 2, .identity)
    return try b.add(y, past, "\(name).shortcut.2")
  }

  private func ghost(
    _ b: inout GraphBuilder, _ x: GraphBuilder.Value, _ name: String, _ act: Activation
  ) throws -> GraphBuilder.Value {
    let own: GraphBuilder.Value
    var cheap: GraphBuilder.Value
    if b.state.contains("\(name).cheap_rpr_skip.running_mean") {
      own = b.activation(try branches(&b, x, "\(name).primary_rpr_conv", stride: 1, plus: nil), act)
      let scaled = try b.unit(own, "\(name).cheap_rpr_scale", norm: "bn1", .identity)
      let kept = try b.batchNorm(own, "\(name).cheap_rpr_skip")
      cheap = try branches(
        &b, own, "\(name).cheap_rpr_conv", stride: 1,
        plus: b.add(scaled, kept, "\(name).cheap_rpr_scale.conv"))
      cheap = b.activation(cheap, act)
    } else {
      own = try b.pair(x, "\(name).primary_conv", act)
      if b.state.contains("\(name).fusion_bn.0.running_mean") {
        // RepGhost adds where GhostNet joins.
        cheap = try b.pair(own, "\(name).cheap_operation", .identity)
        let kept = try b.batchNorm(own, "\(name).fusion_bn.0")
        return b.activation(try b.add(cheap, kept, "\(name).cheap_operation.0"), act)
      }
      cheap = try b.pair(own, "\(name).cheap_operation", act)
    }
    // The published networks have an even number of channels, so that nothing is cut off.
    let y = b.concatenate([own, cheap])
    guard b.state.isConvolution("\(name).short_conv.0.weight") else { return y }
    var factor = b.averagePool(x, Window(2, stride: 2))
    for first in [0, 2, 4] { factor = try b.pair(factor, "\(name).short_conv", first: first, .identity) }
    return b.multiply(y, b.stretched(b.activation(factor, .sigmoid), like: y))
  }

  /// The sum of parallel convolutions with a BatchNorm each, and of one more map.
  private func branches(
    _ b: inout GraphBuilder, _ x: GraphBuilder.Value, _ name: String, stride: Int,
    plus first: GraphBuilder.Value?
  ) throws -> GraphBuilder.Value {
    var sum = first
    for index in 0..<b.state.count("\(name).", ".conv.weight") {
      let y = try b.unit(x, "\(name).\(index)", stride: stride, norm: "bn1", .identity)
      if let before = sum { sum = try b.add(before, y, "\(name).\(index).conv") } else { sum = y }
    }
    return sum ?? x
  }
}
