/// RegNet V and Z with the key names of timm's RegNet: norms before the convolutions, or blocks that end without an
/// activation.
///
/// Dollár et al., "Fast and Accurate Model Scaling" (2021) for Z; V is timm's own.
struct RegNetVZ: TabulatedArchitecture {
  static let family = "regnetvz"

  let published: Published

  private var act: Activation { row.activation("act") }

  func build(_ b: inout GraphBuilder) throws -> GraphBuilder.Value {
    let isNormFirst = row.has("norm-first")
    var x =
      isNormFirst
      ? try b.convolution(b.input(), "stem", kernel: 3, stride: 2)
      : try b.unit(b.input(), "stem", stride: 2, act)
    for stage in 1..<5 {
      let key = isNormFirst ? ".conv1.weight" : ".conv1.conv.weight"
      for index in 0..<b.state.count("s\(stage).b", from: 1, key) {
        let (name, stride) = ("s\(stage).b\(index + 1)", index == 0 ? 2 : 1)
        x = try isNormFirst ? normFirst(&b, x, name, stride: stride) : block(&b, x, name, stride: stride)
      }
    }
    if b.state.contains("final_conv.conv.weight") {
      x = try b.unit(x, "final_conv", act)
    } else if row.has("final-act") {
      x = b.activation(x, act)
    }
    return try b.head(b.globalAverage(x), "head.fc")
  }

  /// The shortcut; nil where the block changes the shape and has none.
  private func shortcut(
    _ b: inout GraphBuilder, _ x: GraphBuilder.Value, _ name: String, stride: Int, channels: Int
  ) throws -> GraphBuilder.Value? {
    if stride == 1 && x.channels == channels { return x }
    for (layer, isMean) in [("\(name).downsample", false), ("\(name).downsample.1", true)] {
      let isBare = b.state.contains("\(layer).weight")
      guard isBare || b.state.contains("\(layer).conv.weight") else { continue }
      let pools = isMean && stride > 1
      let input =
        pools ? b.averagePool(x, Window(2, stride: stride, ceilMode: true), countIncludePad: false) : x
      let rest = isMean ? 1 : stride
      return isBare
        ? try b.convolution(input, layer, kernel: 1, stride: rest)
        : try b.unit(input, layer, stride: rest, .identity)
    }
    return nil
  }

  private func block(
    _ b: inout GraphBuilder, _ x: GraphBuilder.Value, _ name: String, stride: Int
  ) throws -> GraphBuilder.Value {
    var y = try b.unit(x, "\(name).conv1", act)
    y = try b.unit(y, "\(name).conv2", stride: stride, act)
    y = try b.channelGate(y, "\(name).se", inner: act)
    y = try b.unit(y, "\(name).conv3", .identity)
    if let past = try shortcut(&b, x, name, stride: stride, channels: y.channels) {
      y = try b.add(y, past, "\(name).conv3.conv")
    }
    return row.has("linear") ? y : b.activation(y, act)
  }

  private func normFirst(
    _ b: inout GraphBuilder, _ x: GraphBuilder.Value, _ name: String, stride: Int
  ) throws -> GraphBuilder.Value {
    let start = b.activation(try b.batchNorm(x, "\(name).norm1"), act)
    var y = try b.convolution(start, "\(name).conv1", kernel: 1)
    y = b.activation(try b.batchNorm(y, "\(name).norm2"), act)
    y = try b.convolution(y, "\(name).conv2", kernel: 3, stride: stride, groups: .fromShape)
    y = try b.channelGate(y, "\(name).se", inner: act)
    y = b.activation(try b.batchNorm(y, "\(name).norm3"), act)
    y = try b.convolution(y, "\(name).conv3", kernel: 1)
    guard let past = try shortcut(&b, start, name, stride: stride, channels: y.channels) else { return y }
    return try b.add(y, past, "\(name).conv3")
  }
}
