import Checkpoint

/// RepViT with the key names of timm.
///
/// Wang et al., "RepViT: Revisiting Mobile CNN From ViT Perspective" (2024). Branches that inference would merge are
/// computed one by one, as in training.
struct RepViT: TabulatedArchitecture {
  static let family = "repvit"

  let published: Published

  private var act: Activation { row.activation("act") }

  func build(_ b: inout GraphBuilder) throws -> GraphBuilder.Value {
    var x = b.activation(try layer(&b, b.input(), "stem.conv1", stride: 2), act)
    x = try layer(&b, x, "stem.conv2", stride: 2)
    for (stage, count) in row.integers("blocks").enumerated() {
      let down = "stages.\(stage).downsample"
      if b.state.contains("\(down).spatial_downsample.c.weight") {
        x = try block(&b, x, "\(down).pre_block")
        x = try layer(&b, x, "\(down).spatial_downsample", stride: 2)
        x = try layer(&b, x, "\(down).channel_downsample")
        x = try b.add(mlp(&b, x, "\(down).ffn"), x, "\(down).ffn.conv2.c")
      }
      for index in 0..<count { x = try block(&b, x, "stages.\(stage).blocks.\(index)") }
    }
    x = b.globalAverage(x)
    let supervised = try b.head(b.batchNorm(x, "head.head.bn"), "head.head.l")
    guard b.state.contains("head.head_dist.l.weight") else { return supervised }
    let distilled = try b.head(b.batchNorm(x, "head.head_dist.bn"), "head.head_dist.l")
    return b.scale(try b.add(supervised, distilled, "head.head_dist.l"), by: 0.5)
  }

  private func layer(
    _ b: inout GraphBuilder, _ x: GraphBuilder.Value, _ name: String, stride: Int = 1
  ) throws -> GraphBuilder.Value {
    try b.convolutionNorm(x, "\(name).c", "\(name).bn", stride: stride, groups: .fromShape, .identity)
  }

  private func mlp(
    _ b: inout GraphBuilder, _ x: GraphBuilder.Value, _ name: String
  ) throws -> GraphBuilder.Value {
    let y = b.activation(try layer(&b, x, "\(name).conv1"), act)
    return try layer(&b, y, "\(name).conv2")
  }

  private func block(
    _ b: inout GraphBuilder, _ x: GraphBuilder.Value, _ name: String
  ) throws -> GraphBuilder.Value {
    let mixer = "\(name).token_mixer"
    let wide = try layer(&b, x, "\(mixer).conv")
    // The published networks have no BatchNorm after the sum, but one in each branch, or the other way around.
    let narrow =
      b.state.contains("\(mixer).conv1.c.weight")
      ? try layer(&b, x, "\(mixer).conv1") : try b.convolution(x, "\(mixer).conv1", groups: .depthwise)
    var y = try b.add(b.add(wide, narrow, "\(mixer).conv.c"), x, "\(mixer).conv.c")
    if b.state.contains("\(mixer).bn.running_mean") { y = try b.batchNorm(y, "\(mixer).bn") }
    y = try b.channelGate(
      y, "\(name).se", inner: row.has("gate-act") ? row.activation("gate-act") : .relu)
    return try b.add(mlp(&b, y, "\(name).channel_mixer"), y, "\(name).channel_mixer.conv2.c")
  }
}
