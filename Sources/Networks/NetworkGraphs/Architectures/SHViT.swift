/// SHViT with the key names of timm.
///
/// Yun, Ro: "SHViT: Single-Head Vision Transformer with Memory Efficient Macro Design" (2024): attention of a single head
/// on a part of the channels.
struct SHViT: TabulatedArchitecture {
  static let family = "shvit"

  let published: Published

  func build(_ b: inout GraphBuilder) throws -> GraphBuilder.Value {
    var x = b.input()
    for index in 0..<4 {
      x = try layer(&b, x, "patch_embed.\(2 * index)", stride: 2, index < 3 ? .relu : .identity)
    }
    var stage = 0
    while b.state.isConvolution("stages.\(stage).blocks.0.conv.m.c.weight") {
      let name = "stages.\(stage)"
      if b.state.isConvolution("\(name).downsample.2.conv1.c.weight") {
        x = try downsample(&b, x, "\(name).downsample")
      }
      for index in 0..<b.state.count("\(name).blocks.", ".conv.m.c.weight") {
        let own = "\(name).blocks.\(index)"
        x = try b.add(layer(&b, x, "\(own).conv.m"), x, own)
        if b.state.contains("\(own).mixer.m.pre_norm.weight") {
          x = try b.add(attention(&b, x, "\(own).mixer.m"), x, own)
        }
        x = try b.add(mlp(&b, x, "\(own).ffn.m"), x, own)
      }
      stage += 1
    }
    return try b.head(b.batchNorm(b.globalAverage(x), "head.bn"), "head.l")
  }

  private func layer(
    _ b: inout GraphBuilder, _ x: GraphBuilder.Value, _ name: String, stride: Int = 1,
    _ activation: Activation = .identity
  ) throws -> GraphBuilder.Value {
    try b.convolutionNorm(x, "\(name).c", "\(name).bn", stride: stride, groups: .fromShape, activation)
  }

  private func mlp(
    _ b: inout GraphBuilder, _ x: GraphBuilder.Value, _ name: String
  ) throws -> GraphBuilder.Value {
    try layer(&b, layer(&b, x, "\(name).pw1", .relu), "\(name).pw2")
  }

  private func downsample(
    _ b: inout GraphBuilder, _ x: GraphBuilder.Value, _ name: String
  ) throws -> GraphBuilder.Value {
    var x = try b.add(layer(&b, x, "\(name).0.m"), x, name)
    x = try b.add(mlp(&b, x, "\(name).1.m"), x, name)
    x = try layer(&b, x, "\(name).2.conv1", .relu)
    x = try layer(&b, x, "\(name).2.conv2", stride: 2, .relu)
    x = try layer(&b, b.channelGate(x, "\(name).2.se"), "\(name).2.conv3")
    x = try b.add(layer(&b, x, "\(name).3.m"), x, name)
    return try b.add(mlp(&b, x, "\(name).4.m"), x, name)
  }

  private func attention(
    _ b: inout GraphBuilder, _ x: GraphBuilder.Value, _ name: String
  ) throws -> GraphBuilder.Value {
    let width = min(b.state.shape("\(name).pre_norm.weight")?.first ?? 0, x.channels)
    let part = try b.groupNorm(b.slice(x, 0..<width), "\(name).pre_norm", eps: 1e-5)
    let qkv = try layer(&b, part, "\(name).qkv")
    let keys = max(qkv.channels - width, 0) / 2
    let attended = try b.attention(
      b.slice(qkv, 0..<keys), b.slice(qkv, keys..<2 * keys), b.slice(qkv, 2 * keys..<qkv.channels), name,
      CrossAttention(heads: 1, scale: 1 / Float(keys).squareRoot()))
    let all = b.concatenate([attended, b.slice(x, width..<x.channels)])
    return try layer(&b, b.activation(all, .relu), "\(name).proj.1")
  }
}
