import Checkpoint

/// Pyramids of maps whose pixels attend to a coarser map, with the key names of timm: PVT V2 and Twins.
///
/// Wang et al., "PVT v2: Improved Baselines with Pyramid Vision Transformer" (2022); Chu et al., "Twins: Revisiting the
/// Design of Spatial Attention in Vision Transformers" (2021), which also attends in windows.
struct PyramidTransformer: TabulatedArchitecture {
  static let family = "pyramid-transformer"

  let published: Published

  private var eps: Double { row.real("eps") }
  /// Eps of the norms after convolutions.
  private var innerEps: Double { row.real("inner-eps") }

  func build(_ b: inout GraphBuilder) throws -> GraphBuilder.Value {
    var x = b.input()
    let isTwins = row.has("twins")
    let heads = row.integers("heads")
    for (stage, count) in row.integers("blocks").enumerated() {
      let embed =
        isTwins
        ? "patch_embeds.\(stage)" : stage == 0 ? "patch_embed" : "stages.\(stage).downsample"
      let kernel = b.state.shape("\(embed).proj.weight")?.last ?? 3
      x = try b.convolution(
        x, "\(embed).proj", kernel: kernel, stride: stage == 0 ? 4 : 2,
        padding: .all(isTwins ? 0 : kernel / 2))
      x = try b.norm(x, "\(embed).norm", eps: innerEps)
      for index in 0..<count {
        let name = isTwins ? "blocks.\(stage).\(index)" : "stages.\(stage).blocks.\(index)"
        x = try block(&b, x, name, heads: heads[stage])
        let position = "pos_block.\(stage).proj.0"
        if isTwins && index == 0 {
          x = try b.add(b.convolution(x, position, groups: .depthwise), x, position)
        }
      }
      if !isTwins { x = try b.norm(x, "stages.\(stage).norm", eps: eps) }
    }
    if isTwins { x = try b.norm(x, "norm", eps: eps) }
    return try b.head(b.globalAverage(x), "head")
  }

  private func block(
    _ b: inout GraphBuilder, _ x: GraphBuilder.Value, _ name: String, heads: Int
  ) throws -> GraphBuilder.Value {
    var y = try attention(&b, b.norm(x, "\(name).norm1", eps: eps), "\(name).attn", heads: heads)
    let middle = try b.add(y, x, "\(name).attn.proj")
    y = try b.pointwise(b.norm(middle, "\(name).norm2", eps: eps), "\(name).mlp.fc1")
    if row.has("linear") { y = b.activation(y, .relu) }
    if b.state.contains("\(name).mlp.dwconv.weight") {
      y = try b.convolution(y, "\(name).mlp.dwconv", groups: .depthwise)
    }
    y = try b.pointwise(b.activation(y, .gelu), "\(name).mlp.fc2", outputs: x.channels)
    return try b.add(y, middle, "\(name).mlp.fc2")
  }

  private func attention(
    _ b: inout GraphBuilder, _ x: GraphBuilder.Value, _ name: String, heads: Int
  ) throws -> GraphBuilder.Value {
    var y: GraphBuilder.Value
    if b.state.contains("\(name).qkv.weight") {
      let qkv = try b.pointwise(x, "\(name).qkv", outputs: 3 * x.channels)
      y = try b.attention(
        qkv, name,
        Attention(
          heads: heads, scores: .scaled,
          windows: AttentionWindows(
            side: row.integer("window"), shift: 0, bias: .zero,
            fillingBias: .tensor(TensorName("\(name).qkv.bias")), filling: .afterShift, shrinks: false)))
    } else {
      let q = try b.pointwise(x, "\(name).q", outputs: x.channels)
      var coarse = x
      if b.state.contains("\(name).sr.weight") {
        if row.has("linear") { coarse = b.adaptiveAverage(coarse, height: 7, width: 7) }
        let side = b.state.shape("\(name).sr.weight")?.last ?? 1
        coarse = try b.convolution(coarse, "\(name).sr", kernel: side, stride: side, padding: .all(0))
        coarse = try b.norm(coarse, "\(name).norm", eps: innerEps)
        if row.has("linear") { coarse = b.activation(coarse, .gelu) }
      }
      let kv = try b.pointwise(coarse, "\(name).kv", outputs: 2 * x.channels)
      y = try b.attention(
        q, b.slice(kv, 0..<x.channels), b.slice(kv, x.channels..<2 * x.channels), name,
        CrossAttention(heads: heads, scale: 1 / Float(x.channels / max(heads, 1)).squareRoot()))
    }
    return try b.pointwise(y, "\(name).proj", outputs: x.channels)
  }
}
