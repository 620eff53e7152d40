import Checkpoint

/// LeViT with the key names of timm.
///
/// Graham et al., "LeViT: a Vision Transformer in ConvNet's Clothing for Faster Inference" (2021): every linear layer has
/// a BatchNorm, attention adds learned numbers by distance, and stages shrink the map by attention of fewer queries.
struct LeViT: TabulatedArchitecture {
  static let family = "levit"

  let published: Published

  private var act: Activation { row.activation("act") }

  func build(_ b: inout GraphBuilder) throws -> GraphBuilder.Value {
    b.onlySize = row.integer("only")
    var x = b.input()
    let layers = b.state.count("stem.conv", from: 1, ".linear.weight")
    for index in 1..<layers + 1 {
      let activation = index == layers ? Activation.identity : act
      x = try b.convolutionNorm(
        x, "stem.conv\(index).linear", "stem.conv\(index).bn", kernel: 3, stride: 2, activation)
    }
    var side = row.integer("only") >> layers
    for (stage, count) in row.integers("blocks").enumerated() {
      let name = "stages.\(stage).downsample"
      if b.state.contains("\(name).mlp.ln1.linear.weight") {
        x = try shrinking(&b, x, "\(name).attn_downsample", side: side)
        x = try mlp(&b, x, "\(name).mlp")
        side = (side + 1) / 2
      }
      for index in 0..<count {
        let name = "stages.\(stage).blocks.\(index)"
        x = try b.add(attention(&b, x, "\(name).attn", side: side), x, name)
        x = try mlp(&b, x, "\(name).mlp")
      }
    }
    x = b.globalAverage(x)
    let supervised = try b.head(b.batchNorm(x, "head.bn"), "head.linear")
    guard b.state.contains("head_dist.linear.weight") else { return supervised }
    let distilled = try b.head(b.batchNorm(x, "head_dist.bn"), "head_dist.linear")
    return b.scale(try b.add(supervised, distilled, "head_dist.linear"), by: 0.5)
  }

  private func linear(
    _ b: inout GraphBuilder, _ x: GraphBuilder.Value, _ name: String
  ) throws -> GraphBuilder.Value {
    try b.batchNorm(b.pointwise(x, "\(name).linear"), "\(name).bn")
  }

  private func mlp(
    _ b: inout GraphBuilder, _ x: GraphBuilder.Value, _ name: String
  ) throws -> GraphBuilder.Value {
    let y = b.activation(try linear(&b, x, "\(name).ln1"), act)
    return try b.add(linear(&b, y, "\(name).ln2"), x, name)
  }

  private func bias(_ b: inout GraphBuilder, _ name: String, side: Int, stride: Int) throws -> PositionBias {
    let table = try b.require("\(name).attention_biases", shape: [nil, side * side])
    return PositionBias(kind: .absoluteDistances(table.name), rows: side, columns: side, stride: stride)
  }

  private func attention(
    _ b: inout GraphBuilder, _ x: GraphBuilder.Value, _ name: String, side: Int
  ) throws -> GraphBuilder.Value {
    let width = row.integer("key-width")
    let heads = b.state.shape("\(name).attention_biases")?.first ?? 1
    let qkv = try linear(&b, x, "\(name).qkv")
    let parts = b.headParts(
      qkv, heads: heads, widths: [width, width, qkv.channels / max(heads, 1) - 2 * width])
    let attention = CrossAttention(
      heads: heads, scale: 1 / Float(width).squareRoot(),
      bias: try bias(&b, name, side: side, stride: 1))
    let y = try b.attention(parts[0], parts[1], parts[2], name, attention)
    return try linear(&b, b.activation(y, act), "\(name).proj.ln")
  }

  /// Attention of every other pixel along both axes to all.
  private func shrinking(
    _ b: inout GraphBuilder, _ x: GraphBuilder.Value, _ name: String, side: Int
  ) throws -> GraphBuilder.Value {
    let width = row.integer("key-width")
    let heads = b.state.shape("\(name).attention_biases")?.first ?? 1
    let kv = try linear(&b, x, "\(name).kv")
    let parts = b.headParts(kv, heads: heads, widths: [width, kv.channels / max(heads, 1) - width])
    let q = try linear(&b, b.maxPool(x, Window(1, stride: 2)), "\(name).q.ln")
    let attention = CrossAttention(
      heads: heads, scale: 1 / Float(width).squareRoot(),
      bias: try bias(&b, name, side: side, stride: 2))
    let y = try b.attention(q, parts[0], parts[1], name, attention)
    return try linear(&b, b.activation(y, act), "\(name).proj.ln")
  }
}
