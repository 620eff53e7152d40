import Checkpoint

/// Swin Transformer V2 in the form that Christoph Reich wrote before its authors published theirs, with the key names of
/// timm (`swinv2_cr_…`).
///
/// Liu et al., "Swin Transformer V2" (2022): windows of cosine attention with positions by a small network; norms follow
/// the layers. Windows are a fixed share of the trained size.
struct SwinTransformerCR: TabulatedArchitecture {
  static let family = "swinv2_cr"

  let published: Published

  private var eps: Double { row.real("eps") }

  func build(_ b: inout GraphBuilder) throws -> GraphBuilder.Value {
    b.onlySize = row.integer("only")
    var x = try b.convolution(b.input(), "patch_embed.proj", kernel: 4, stride: 4, padding: .all(0))
    if b.state.contains("patch_embed.norm.weight") { x = try b.norm(x, "patch_embed.norm", eps: eps) }
    let windows = row.integers("windows")
    for (stage, count) in row.integers("blocks").enumerated() {
      if stage > 0 {
        let downsample = "stages.\(stage).downsample"
        x = try b.norm(b.mergePatches(x), "\(downsample).norm", eps: eps)
        x = try b.pointwise(x, "\(downsample).reduction")
      }
      for index in 0..<count {
        let name = "stages.\(stage).blocks.\(index)"
        let shift = index % 2 == 1 ? windows[stage] / 2 : 0
        var y = try attention(&b, x, "\(name).attn", side: windows[stage], shift: shift)
        x = try b.add(b.norm(y, "\(name).norm1", eps: eps), x, name)
        y = b.activation(try b.pointwise(x, "\(name).mlp.fc1"), .gelu)
        y = try b.pointwise(y, "\(name).mlp.fc2", outputs: x.channels)
        x = try b.add(b.norm(y, "\(name).norm2", eps: eps), x, name)
        if b.state.contains("\(name).norm3.weight") { x = try b.norm(x, "\(name).norm3", eps: eps) }
      }
    }
    return try b.head(b.globalAverage(x), "head.fc")
  }

  private func attention(
    _ b: inout GraphBuilder, _ x: GraphBuilder.Value, _ name: String, side: Int, shift: Int
  ) throws -> GraphBuilder.Value {
    let qkv = try b.pointwise(x, "\(name).qkv", outputs: 3 * x.channels)
    let scale = try b.require("\(name).logit_scale", shape: [nil])
    let heads = scale.shape[0]
    let hidden = try b.require("\(name).meta_mlp.fc1.weight", shape: [nil, 2])
    let bias = AttentionWindows.Bias.linearNetwork(
      hidden: hidden.name,
      hiddenBias: try b.require("\(name).meta_mlp.fc1.bias", shape: [hidden.shape[0]]).name,
      output: try b.require("\(name).meta_mlp.fc2.weight", shape: [heads, hidden.shape[0]]).name,
      outputBias: try b.require("\(name).meta_mlp.fc2.bias", shape: [heads]).name)
    let y = try b.attention(
      qkv, name,
      Attention(
        heads: heads, scores: .cosine(scale.name),
        windows: AttentionWindows(
          side: side, shift: shift, bias: bias, fillingBias: .tensor(TensorName("\(name).qkv.bias")),
          filling: .afterShift, shrinks: true)))
    return try b.pointwise(y, "\(name).proj", outputs: x.channels)
  }
}
