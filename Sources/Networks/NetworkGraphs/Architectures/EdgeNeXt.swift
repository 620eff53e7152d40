import Checkpoint

/// EdgeNeXt with the key names of timm.
///
/// Maaz et al., "EdgeNeXt: Efficiently Amalgamated CNN-Transformer Architecture for Mobile Vision Applications" (2022):
/// stages that end with cascaded convolutions of some channels and attention between channels.
struct EdgeNeXt: TabulatedArchitecture {
  static let family = "edgenext"

  let published: Published

  private var act: Activation { row.activation("act") }
  private var eps: Double { row.real("eps") }

  func build(_ b: inout GraphBuilder) throws -> GraphBuilder.Value {
    let kernel = b.state.shape("stem.0.weight")?.last ?? 4
    var x = try b.convolution(
      b.input(), "stem.0", kernel: kernel, stride: 4, padding: .all(kernel == 4 ? 0 : kernel / 2))
    x = try b.norm(x, "stem.1", eps: eps)
    for (stage, (count, heads)) in zip(row.integers("blocks"), row.integers("heads")).enumerated() {
      let downsample = "stages.\(stage).downsample"
      let isSeparate = b.state.isConvolution("\(downsample).1.weight")
      if isSeparate {
        x = try b.norm(x, "\(downsample).0", eps: eps)
        x = try b.convolution(x, "\(downsample).1", kernel: 2, stride: 2, padding: .all(0))
      }
      for index in 0..<count {
        let name = "stages.\(stage).blocks.\(index)"
        let strides = stage > 0 && index == 0 && !isSeparate
        x =
          b.state.contains("\(name).conv_dw.weight")
          ? try convolutional(&b, x, name, stride: strides ? 2 : 1)
          : try transposed(&b, x, name, heads: heads)
      }
    }
    if b.state.contains("norm_pre.weight") {
      return try b.head(b.globalAverage(b.norm(x, "norm_pre", eps: eps)), "head.fc")
    }
    return try b.head(b.norm(b.globalAverage(x), "head.norm", eps: eps), "head.fc")
  }

  private func mlp(
    _ b: inout GraphBuilder, _ x: GraphBuilder.Value, _ name: String
  ) throws -> GraphBuilder.Value {
    var y = try b.pointwise(b.norm(x, "\(name).norm", eps: eps), "\(name).mlp.fc1")
    y = try b.pointwise(b.activation(y, act), "\(name).mlp.fc2", outputs: x.channels)
    return b.state.contains("\(name).gamma") ? try b.layerScale(y, "\(name).gamma") : y
  }

  private func convolutional(
    _ b: inout GraphBuilder, _ x: GraphBuilder.Value, _ name: String, stride: Int
  ) throws -> GraphBuilder.Value {
    let y = try b.convolution(x, "\(name).conv_dw", stride: stride, groups: .fromShape)
    // A layer that changes the shape has its shortcut after the convolution.
    let shortcut = stride > 1 || y.channels != x.channels ? y : x
    return try b.add(mlp(&b, y, name), shortcut, "\(name).mlp.fc2")
  }

  private func transposed(
    _ b: inout GraphBuilder, _ x: GraphBuilder.Value, _ name: String, heads: Int
  ) throws -> GraphBuilder.Value {
    let count = b.state.count("\(name).convs.", ".weight")
    let width = (x.channels + count) / (count + 1)
    var part = b.slice(x, 0..<width)
    var parts: [GraphBuilder.Value] = []
    for index in 0..<count {
      if index > 0 { part = try b.add(part, b.slice(x, index * width..<(index + 1) * width), name) }
      part = try b.convolution(part, "\(name).convs.\(index)", groups: .depthwise)
      parts.append(part)
    }
    var y = b.concatenate(parts + [b.slice(x, min(count * width, x.channels)..<x.channels)])
    let positions = "\(name).pos_embd.token_projection"
    if let shape = b.state.shape("\(positions).weight"), shape.count == 4 {
      y = try b.add(
        b.pointwise(b.wavePositions(y, waves: shape[1] / 4), positions, outputs: y.channels), y, positions)
    }
    let qkv = try b.pointwise(
      b.norm(y, "\(name).norm_xca", eps: eps), "\(name).xca.qkv", outputs: 3 * y.channels)
    var attended = try b.crossCovariance(qkv, "\(name).xca", heads: heads)
    attended = try b.pointwise(attended, "\(name).xca.proj", outputs: y.channels)
    y = try b.add(b.layerScale(attended, "\(name).gamma_xca"), y, "\(name).xca.proj")
    return try b.add(mlp(&b, y, name), x, "\(name).mlp.fc2")
  }
}
