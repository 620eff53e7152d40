/// Visformer with the key names of timm.
///
/// Chen et al., "Visformer: The Vision-friendly Transformer" (2021): stages of grouped convolutions, then of attention, with
/// learned maps of positions.
struct Visformer: TabulatedArchitecture {
  static let family = "visformer"

  let published: Published

  func build(_ b: inout GraphBuilder) throws -> GraphBuilder.Value {
    b.onlySize = row.integer("only")
    b.eps = row.real("eps")
    var x = try b.convolutionNorm(b.input(), "stem.0", "stem.1", kernel: 7, stride: 2, .relu)
    for stage in 1..<4 {
      let embed = "patch_embed\(stage)"
      let side = b.state.shape("\(embed).proj.weight")?.last ?? 2
      x = try b.convolutionNorm(
        x, "\(embed).proj", "\(embed).norm", kernel: side, stride: side, padding: .all(0), .identity)
      x = try b.add(x, b.parameterMap("pos_embed\(stage)", like: x), "\(embed).proj")
      for index in 0..<b.state.count("stage\(stage).", ".mlp.conv1.weight") {
        x = try block(&b, x, "stage\(stage).\(index)")
      }
    }
    return try b.head(b.globalAverage(b.batchNorm(x, "norm")), "head")
  }

  private func block(
    _ b: inout GraphBuilder, _ x: GraphBuilder.Value, _ name: String
  ) throws -> GraphBuilder.Value {
    let act = row.activation("act")
    var x = x
    if b.state.contains("\(name).attn.qkv.weight") {
      let qkv = try b.pointwise(b.batchNorm(x, "\(name).norm1"), "\(name).attn.qkv")
      let y = try b.attention(qkv, "\(name).attn", heads: row.integer("heads"))
      x = try b.add(b.pointwise(y, "\(name).attn.proj", outputs: x.channels), x, "\(name).attn.proj")
    }
    var y = try b.convolution(b.batchNorm(x, "\(name).norm2"), "\(name).mlp.conv1", kernel: 1)
    y = b.activation(y, act)
    if b.state.contains("\(name).mlp.conv2.weight") {
      y = b.activation(try b.convolution(y, "\(name).mlp.conv2", groups: .fromShape), act)
    }
    return try b.add(b.pointwise(y, "\(name).mlp.conv3", outputs: x.channels), x, "\(name).mlp.conv3")
  }
}
