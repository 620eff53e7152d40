import Checkpoint

/// VoVNet with the key names of timm, plain, depthwise and with gates.
///
/// Lee et al., "An Energy and GPU-Computation Efficient Backbone Network for Real-Time Object Detection" (2019): a block
/// joins the results of all its convolutions once, at its end; Lee, Park, "CenterMask" (2020) for gates and shortcuts.
struct VoVNet: TabulatedArchitecture {
  static let family = "vovnet"

  let published: Published

  private var act: Activation { row.activation("act") }

  func build(_ b: inout GraphBuilder) throws -> GraphBuilder.Value {
    b.norms = ConvolutionNorms(evolvedIn: row)
    var x = b.input()
    for (index, stride) in row.integers("stem").enumerated() {
      x = try convolution(&b, x, "stem.\(index)", stride: stride)
    }
    for (stage, count) in row.integers("blocks").enumerated() {
      if stage > 0 || row.has("first-pool") {
        x = b.maxPool(x, Window(3, stride: 2, ceilMode: true))
      }
      for index in 0..<count {
        let y = try block(&b, x, "stages.\(stage).blocks.\(index)")
        x = index > 0 && row.has("residual") ? try b.add(y, x, "stages.\(stage).blocks.\(index)") : y
      }
    }
    return try b.head(b.globalAverage(x), "head.fc")
  }

  /// A convolution, or a depthwise and a pointwise one, with BatchNorm and activation.
  private func convolution(
    _ b: inout GraphBuilder, _ x: GraphBuilder.Value, _ name: String, stride: Int = 1
  ) throws -> GraphBuilder.Value {
    guard b.state.contains("\(name).conv_dw.weight") else {
      return try b.unit(x, name, stride: stride, act)
    }
    let y = try b.convolution(x, "\(name).conv_dw", stride: stride, groups: .depthwise)
    return try b.convolutionNorm(y, "\(name).conv_pw", "\(name).bn", act)
  }

  private func block(
    _ b: inout GraphBuilder, _ x: GraphBuilder.Value, _ name: String
  ) throws -> GraphBuilder.Value {
    var results = [x]
    var y = x
    if b.state.contains("\(name).conv_reduction.conv.weight") {
      y = try b.unit(y, "\(name).conv_reduction", act)
    }
    var layer = "\(name).conv_mid.0"
    while b.state.contains("\(layer).conv.weight") || b.state.contains("\(layer).conv_dw.weight") {
      y = try convolution(&b, y, layer)
      layer = "\(name).conv_mid.\(results.count)"
      results.append(y)
    }
    y = try b.unit(b.concatenate(results), "\(name).conv_concat", act)
    return try b.channelGate(
      y, "\(name).attn", outer: row.has("gate") ? row.activation("gate") : .sigmoid)
  }
}
