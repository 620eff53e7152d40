/// Pooling-based vision transformers (PiT) with the key names of timm.
///
/// Heo et al., "Rethinking Spatial Dimensions of Vision Transformers" (2021): convolutions between stages shrink the map,
/// and a fully connected layer widens the class token.
struct PoolingTransformer: TabulatedArchitecture {
  static let family = "pit"

  let published: Published

  private var eps: Double { row.real("eps") }

  var pooling: String { "token" }

  func build(_ b: inout GraphBuilder) throws -> GraphBuilder.Value {
    b.onlySize = row.integer("only")
    let stride = row.integer("stride")
    var x = try b.convolution(b.input(), "patch_embed.conv", stride: stride, padding: .all(0))
    x = try b.add(b.parameterMap("pos_embed", like: x), x, "patch_embed.conv")
    var token = try b.parameter("cls_token", x)
    let count = b.state.shape("cls_token").map { $0.count == 3 ? $0[1] : 1 } ?? 1
    for (stage, heads) in row.integers("heads").enumerated() {
      let name = "transformers.\(stage)"
      if b.state.isConvolution("\(name).pool.conv.weight") {
        x = try b.convolution(x, "\(name).pool.conv", stride: 2, groups: .fromShape)
        token = try b.pointwise(token, "\(name).pool.fc", outputs: x.channels)
      }
      var y = b.joinTokens([token, x])
      for index in 0..<b.state.count("\(name).blocks.", ".norm1.weight") {
        y = try block(&b, y, "\(name).blocks.\(index)", heads: heads)
      }
      token = b.tokens(y, 0..<count)
      x = b.grid(of: b.tokens(y, count..<Int.max), like: x)
    }
    token = try b.norm(token, "norm", eps: eps)
    let supervised = try b.head(b.tokens(token, 0..<1), "head")
    guard b.state.contains("head_dist.weight") else { return supervised }
    let distilled = try b.head(b.tokens(token, 1..<2), "head_dist")
    return b.scale(try b.add(supervised, distilled, "head_dist"), by: 0.5)
  }

  private func block(
    _ b: inout GraphBuilder, _ x: GraphBuilder.Value, _ name: String, heads: Int
  ) throws -> GraphBuilder.Value {
    let qkv = try b.pointwise(
      b.norm(x, "\(name).norm1", eps: eps), "\(name).attn.qkv", outputs: 3 * x.channels)
    var y = try b.attention(qkv, "\(name).attn", heads: heads)
    let middle = try b.add(b.pointwise(y, "\(name).attn.proj", outputs: x.channels), x, "\(name).attn.proj")
    y = try b.pointwise(b.norm(middle, "\(name).norm2", eps: eps), "\(name).mlp.fc1")
    y = try b.pointwise(b.activation(y, .gelu), "\(name).mlp.fc2", outputs: x.channels)
    return try b.add(y, middle, "\(name).mlp.fc2")
  }
}
