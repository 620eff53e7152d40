import Checkpoint

/// ConViT with the key names of timm.
///
/// d'Ascoli et al., "ConViT: Improving Vision Transformers with Soft Convolutional Inductive Biases" (2021): every head of
/// the first blocks mixes attention by content with attention by position, and the class token joins after them.
struct ConViT: TabulatedArchitecture {
  static let family = "convit"

  let published: Published

  private var heads: Int { row.integer("heads") }
  private var eps: Double { row.real("eps") }

  var pooling: String { "token" }

  func build(_ b: inout GraphBuilder) throws -> GraphBuilder.Value {
    b.onlySize = row.integer("only")
    let patch = b.state.shape("patch_embed.proj.weight")?.last ?? 1
    let grid = row.integer("only") / max(patch, 1)
    var x = try b.convolution(b.input(), "patch_embed.proj", stride: patch, padding: .all(0))
    x = try b.embed(
      x, prefix: [], prefixCount: 0, positions: "pos_embed", embeddedPrefixCount: 0, grid: grid,
      resampling: .antialiased)
    var isLocal = true
    for index in 0..<b.state.count("blocks.", ".norm1.weight") {
      let name = "blocks.\(index)"
      if isLocal && !b.state.contains("\(name).attn.pos_proj.weight") {
        isLocal = false
        x = b.joinTokens([try b.parameter("cls_token", x), x])
      }
      let start = try b.norm(x, "\(name).norm1", eps: eps)
      var y =
        isLocal
        ? try mixed(&b, start, "\(name).attn", grid: grid)
        : try b.attention(
          b.pointwise(start, "\(name).attn.qkv", outputs: 3 * x.channels), "\(name).attn", heads: heads)
      x = try b.add(b.pointwise(y, "\(name).attn.proj", outputs: x.channels), x, "\(name).attn.proj")
      y = try b.pointwise(b.norm(x, "\(name).norm2", eps: eps), "\(name).mlp.fc1")
      y = try b.pointwise(b.activation(y, .gelu), "\(name).mlp.fc2", outputs: x.channels)
      x = try b.add(y, x, "\(name).mlp.fc2")
    }
    return try b.head(b.norm(b.tokens(x, 0..<1), "norm", eps: eps), "head")
  }

  /// Attention by content and by position, weighted by a gate for every head.
  private func mixed(
    _ b: inout GraphBuilder, _ x: GraphBuilder.Value, _ name: String, grid: Int
  ) throws -> GraphBuilder.Value {
    let channels = x.channels
    guard heads > 0, channels % heads == 0 else { throw b.unshared(channels, heads: heads) }
    let width = channels / heads
    let qk = try b.pointwise(x, "\(name).qk", outputs: 2 * channels)
    let (q, k) = (b.slice(qk, 0..<channels), b.slice(qk, channels..<2 * channels))
    let v = try b.pointwise(x, "\(name).v", outputs: channels)
    let byContent = try b.attention(
      q, k, v, name, CrossAttention(heads: heads, scale: 1 / Float(width).squareRoot()))
    let offsets = PositionBias.Kind.offsets(
      weight: try b.require("\(name).pos_proj.weight", shape: [heads, 3]).name,
      bias: try b.require("\(name).pos_proj.bias", shape: [heads]).name)
    let bias = PositionBias(kind: offsets, rows: grid, columns: grid)
    let byPosition = try b.attention(
      q, k, v, "\(name).pos_proj", CrossAttention(heads: heads, scale: 0, bias: bias))
    let gating = try b.require("\(name).gating_param", shape: [heads])
    let numbers = b.append(gating.name.string, .parameter(gating.name, count: 1), [x], channels: heads)
    let gates = b.reorder(numbers, (0..<channels).map { $0 / width })
    return try b.add(
      b.gate(byContent, by: b.activation(b.scale(gates, by: -1), .sigmoid)),
      b.gate(byPosition, by: b.activation(gates, .sigmoid)), name)
  }
}
