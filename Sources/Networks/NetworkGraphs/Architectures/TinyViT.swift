import Checkpoint

/// TinyViT with the key names of timm.
///
/// Wu et al., "TinyViT: Fast Pretraining Distillation for Small Vision Transformers" (2022): a stage of mobile blocks, then
/// attention in windows with a number for every distance.
struct TinyViT: TabulatedArchitecture {
  static let family = "tiny_vit"

  let published: Published

  private var act: Activation { row.activation("act") }
  private var eps: Double { row.real("eps") }

  func build(_ b: inout GraphBuilder) throws -> GraphBuilder.Value {
    // timm fills up other maps before their norm.
    b.patchSize = row.integer("multiple")
    var x = try b.unit(b.input(), "patch_embed.conv1", stride: 2, act)
    x = try b.unit(x, "patch_embed.conv2", stride: 2, .identity)
    for (stage, window) in row.integers("windows").enumerated() {
      let name = "stages.\(stage)"
      if b.state.contains("\(name).downsample.conv1.conv.weight") {
        x = try convolutions(&b, x, "\(name).downsample", stride: 2)
      }
      var index = 0
      while case let own = "\(name).blocks.\(index)",
        ["conv1.conv", "mlp.fc1"].contains(where: { b.state.contains("\(own).\($0).weight") })
      {
        if b.state.contains("\(own).conv1.conv.weight") {
          x = b.activation(try b.add(convolutions(&b, x, own, stride: 1), x, "\(own).conv3.conv"), act)
        } else {
          x = try transformer(&b, x, own, window: window)
        }
        index += 1
      }
    }
    return try b.head(b.norm(b.globalAverage(x), "head.norm", eps: eps), "head.fc")
  }

  private func convolutions(
    _ b: inout GraphBuilder, _ x: GraphBuilder.Value, _ name: String, stride: Int
  ) throws -> GraphBuilder.Value {
    var y = try b.unit(x, "\(name).conv1", act)
    y = try b.unit(y, "\(name).conv2", stride: stride, act)
    return try b.unit(y, "\(name).conv3", .identity)
  }

  private func transformer(
    _ b: inout GraphBuilder, _ x: GraphBuilder.Value, _ name: String, window: Int
  ) throws -> GraphBuilder.Value {
    let own = "\(name).attn"
    let table = try b.require("\(own).attention_biases", shape: [nil, window * window])
    let heads = table.shape[0]
    let qkv = try b.pointwise(b.norm(x, "\(own).norm", eps: eps), "\(own).qkv", outputs: 3 * x.channels)
    var y = try b.attention(
      b.headsLast(qkv, heads: heads), own,
      Attention(
        heads: heads, scores: .scaled,
        windows: AttentionWindows(
          side: window, shift: 0, bias: .absoluteDistances(table.name), fillingBias: nil,
          filling: .afterShift, shrinks: false)))
    y = try b.add(b.pointwise(y, "\(own).proj", outputs: x.channels), x, "\(own).proj")
    let middle = try b.unit(y, "\(name).local_conv", .identity)
    y = try b.pointwise(b.norm(middle, "\(name).mlp.norm", eps: eps), "\(name).mlp.fc1")
    y = try b.pointwise(b.activation(y, act), "\(name).mlp.fc2", outputs: x.channels)
    return try b.add(y, middle, "\(name).mlp.fc2")
  }
}
