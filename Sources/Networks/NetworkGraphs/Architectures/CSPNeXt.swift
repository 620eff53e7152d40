/// CSPNeXt, the backbone of RTMDet, with the key names of timm.
///
/// Lyu et al., "RTMDet: An Empirical Study of Designing Real-Time Object Detectors" (2022): cross-stage partial stages with
/// large depthwise convolutions.
struct CSPNeXt: TabulatedArchitecture {
  static let family = "cspnext"

  let published: Published

  private var act: Activation { row.activation("act") }

  func build(_ b: inout GraphBuilder) throws -> GraphBuilder.Value {
    b.eps = row.real("eps")
    b.momentum = row.real("momentum")
    var x = try b.unit(b.input(), "stem.0", stride: 2, act)
    x = try b.unit(b.unit(x, "stem.1", act), "stem.2", act)
    var stage = 0
    while b.state.isConvolution("stages.\(stage).0.conv.weight") {
      let name = "stages.\(stage)"
      x = try b.unit(x, "\(name).0", stride: 2, act)
      // The last stage begins with pools, and its blocks have no shortcuts.
      let isLast = b.state.contains("\(name).1.conv1.conv.weight")
      if isLast {
        x = try b.unit(x, "\(name).1.conv1", act)
        let pools = [5, 9, 13].map { b.maxPool(x, Window($0, padding: $0 / 2)) }
        x = try b.unit(b.concatenate([x] + pools), "\(name).1.conv2", act)
      }
      x = try layer(&b, x, "\(name).\(isLast ? 2 : 1)", skips: !isLast)
      stage += 1
    }
    return try b.head(b.globalAverage(x), "head.fc")
  }

  private func layer(
    _ b: inout GraphBuilder, _ x: GraphBuilder.Value, _ name: String, skips: Bool
  ) throws -> GraphBuilder.Value {
    let short = try b.unit(x, "\(name).short_conv", act)
    var main = try b.unit(x, "\(name).main_conv", act)
    for index in 0..<b.state.count("\(name).blocks.", ".conv1.conv.weight") {
      let own = "\(name).blocks.\(index)"
      var y = try b.unit(main, "\(own).conv1", act)
      y = try b.unit(y, "\(own).conv2.depthwise_conv", act)
      y = try b.unit(y, "\(own).conv2.pointwise_conv", act)
      main = skips ? try b.add(y, main, "\(own).conv2.pointwise_conv.conv") : y
    }
    let both = try b.channelGate(
      b.concatenate([main, short]), "\(name).attention", outer: .hardsigmoid)
    return try b.unit(both, "\(name).final_conv", act)
  }
}
