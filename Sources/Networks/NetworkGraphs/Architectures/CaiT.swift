import Checkpoint

/// Class-attention image transformers with the key names of timm.
///
/// Touvron et al., "Going deeper with Image Transformers" (2021): heads that talk to each other, and a class token that
/// attends to the rest in the last blocks alone.
struct CaiT: TabulatedArchitecture {
  static let family = "cait"

  let published: Published

  private var heads: Int { row.integer("heads") }
  private var eps: Double { row.real("eps") }

  var pooling: String { "token" }

  func build(_ b: inout GraphBuilder) throws -> GraphBuilder.Value {
    let patch = b.state.shape("patch_embed.proj.weight")?.last ?? 16
    let grid = row.integer("grid")
    (b.patchSize, b.onlySize) = (patch, patch * grid)
    var x = try b.convolution(b.input(), "patch_embed.proj", kernel: patch, stride: patch, padding: .all(0))
    x = try b.embed(
      x, prefix: [], prefixCount: 0, positions: "pos_embed", embeddedPrefixCount: 0, grid: grid,
      resampling: .antialiased)
    for index in 0..<row.integer("blocks") { x = try block(&b, x, "blocks.\(index)") }
    var token = try b.parameter("cls_token", x)
    for index in 0..<row.integer("class-blocks") {
      let name = "blocks_token_only.\(index)"
      let normalized = try b.norm(b.joinTokens([token, x]), "\(name).norm1", eps: eps)
      let attended = try b.classAttention(normalized, "\(name).attn", heads: heads)
      token = try b.add(b.layerScale(attended, "\(name).gamma_1"), token, name)
      token = try perceptron(&b, token, name)
    }
    return try b.head(b.norm(token, "norm", eps: eps), "head")
  }

  private func block(
    _ b: inout GraphBuilder, _ x: GraphBuilder.Value, _ name: String
  ) throws -> GraphBuilder.Value {
    let own = "\(name).attn"
    var y = try b.pointwise(b.norm(x, "\(name).norm1", eps: eps), "\(own).qkv", outputs: 3 * x.channels)
    let (q, k, v) = b.thirds(y)
    let talking = (before: try mixing(&b, "\(own).proj_l"), after: try mixing(&b, "\(own).proj_w"))
    y = try b.attention(
      q, k, v, own,
      CrossAttention(heads: heads, scale: 1 / Float(x.channels / heads).squareRoot(), talking: talking))
    y = try b.pointwise(y, "\(own).proj", outputs: x.channels)
    return try perceptron(&b, b.add(b.layerScale(y, "\(name).gamma_1"), x, name), name)
  }

  private func mixing(_ b: inout GraphBuilder, _ name: String) throws -> HeadMixing {
    HeadMixing(
      weight: try b.require("\(name).weight", shape: [heads, heads]).name,
      bias: try b.require("\(name).bias", shape: [heads]).name)
  }

  private func perceptron(
    _ b: inout GraphBuilder, _ x: GraphBuilder.Value, _ name: String
  ) throws -> GraphBuilder.Value {
    var y = try b.pointwise(b.norm(x, "\(name).norm2", eps: eps), "\(name).mlp.fc1")
    y = try b.pointwise(b.activation(y, .gelu), "\(name).mlp.fc2", outputs: x.channels)
    return try b.add(b.layerScale(y, "\(name).gamma_2"), x, name)
  }
}
