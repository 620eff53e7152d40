import Checkpoint

/// Nested transformers (NesT) with the key names of timm.
///
/// Zhang et al., "Nested Hierarchical Transformer: Towards Accurate, Data-Efficient and Interpretable Visual Understanding"
/// (2022): attention in blocks of the map, which shrinks between levels, with learned positions in every block.
struct NestedTransformer: TabulatedArchitecture {
  static let family = "nest"

  let published: Published

  private var eps: Double { row.real("eps") }

  func build(_ b: inout GraphBuilder) throws -> GraphBuilder.Value {
    b.onlySize = row.integer("only")
    let patch = b.state.shape("patch_embed.proj.weight")?.last ?? 4
    let side = row.integer("block")
    var x = try b.convolution(b.input(), "patch_embed.proj", kernel: patch, stride: patch, padding: .all(0))
    for (level, heads) in row.integers("heads").enumerated() {
      let name = "levels.\(level)"
      if b.state.contains("\(name).pool.conv.weight") {
        x = try b.norm(b.convolution(x, "\(name).pool.conv", kernel: 3), "\(name).pool.norm", eps: eps)
        x = b.maxPool(
          x, Window(kernel: (3, 3), stride: (2, 2), padding: row.has("same") ? .same : .all(1)))
      }
      x = try b.add(positions(&b, "\(name).pos_embed", like: x, side: side), x, name)
      for index in 0..<b.state.count("\(name).transformer_encoder.", ".norm1.weight") {
        x = try block(&b, x, "\(name).transformer_encoder.\(index)", heads: heads, side: side)
      }
    }
    return try b.head(b.globalAverage(b.norm(x, "norm", eps: eps)), "head")
  }

  /// The learned map `[1, block, pixel of the block, channel]`.
  private func positions(
    _ b: inout GraphBuilder, _ key: String, like x: GraphBuilder.Value, side: Int
  ) throws -> GraphBuilder.Value {
    let spec = try b.require(key, shape: [1, nil, side * side, x.channels])
    let blocks = b.append(
      key, .parameter(spec.name, count: spec.shape[1]), [x], channels: side * side * x.channels)
    let coarse = b.grid(of: blocks, like: b.maxPool(x, Window(side, stride: side)))
    return b.depthToSpace(coarse, side: side)
  }

  private func block(
    _ b: inout GraphBuilder, _ x: GraphBuilder.Value, _ name: String, heads: Int, side: Int
  ) throws -> GraphBuilder.Value {
    let qkv = try b.pointwise(
      b.norm(x, "\(name).norm1", eps: eps), "\(name).attn.qkv", outputs: 3 * x.channels)
    var y = try b.attention(
      qkv, "\(name).attn",
      Attention(
        heads: heads, scores: .scaled,
        windows: AttentionWindows(
          side: side, shift: 0, bias: .zero, fillingBias: nil, filling: .afterShift, shrinks: false)))
    // Its channels run over the heads fastest.
    y = b.shuffle(y, groups: heads)
    let middle = try b.add(b.pointwise(y, "\(name).attn.proj", outputs: x.channels), x, "\(name).attn.proj")
    y = try b.pointwise(b.norm(middle, "\(name).norm2", eps: eps), "\(name).mlp.fc1")
    y = try b.pointwise(b.activation(y, .gelu), "\(name).mlp.fc2", outputs: x.channels)
    return try b.add(y, middle, "\(name).mlp.fc2")
  }
}
