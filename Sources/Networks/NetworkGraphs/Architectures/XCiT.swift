import Checkpoint

/// Cross-covariance image transformers with the key names of timm.
///
/// Ali et al., "XCiT: Cross-Covariance Image Transformers" (2021): attention between channels, convolutions between
/// neighbors, and a class token that attends to the rest in the end.
struct XCiT: TabulatedArchitecture {
  static let family = "xcit"

  let published: Published

  private var heads: Int { row.integer("heads") }
  private var eps: Double { row.real("eps") }

  var pooling: String { "token" }

  func build(_ b: inout GraphBuilder) throws -> GraphBuilder.Value {
    var x = b.input()
    let layers = (0..<4).map { "patch_embed.proj.\(2 * $0)" }.filter { b.state.contains("\($0).0.weight") }
    for (index, layer) in layers.enumerated() {
      let activation: Activation = index == layers.count - 1 ? .identity : .gelu
      x = try b.convolutionNorm(x, "\(layer).0", "\(layer).1", kernel: 3, stride: 2, activation)
    }
    if b.state.contains("pos_embed.token_projection.weight") {
      let waves = (b.state.shape("pos_embed.token_projection.weight")?[1] ?? 64) / 4
      let positions = b.wavePositions(x, waves: waves)
      x = try b.add(
        b.pointwise(positions, "pos_embed.token_projection", outputs: x.channels), x,
        "pos_embed.token_projection")
    }
    for index in 0..<row.integer("blocks") { x = try block(&b, x, "blocks.\(index)") }
    var pixels = try b.embed(
      x, prefix: [], prefixCount: 0, positions: nil, embeddedPrefixCount: 0, grid: 0,
      resampling: .antialiased)
    var token = try b.parameter("cls_token", x)
    for index in 0..<row.integer("class-blocks") {
      (token, pixels) = try classBlock(&b, token, pixels, "cls_attn_blocks.\(index)")
    }
    return try b.head(b.norm(token, "norm", eps: eps), "head")
  }

  private func block(
    _ b: inout GraphBuilder, _ x: GraphBuilder.Value, _ name: String
  ) throws -> GraphBuilder.Value {
    var y = try b.pointwise(b.norm(x, "\(name).norm1", eps: eps), "\(name).attn.qkv", outputs: 3 * x.channels)
    y = try b.crossCovariance(y, "\(name).attn", heads: heads)
    y = try b.pointwise(y, "\(name).attn.proj", outputs: x.channels)
    var x = try b.add(b.layerScale(y, "\(name).gamma1"), x, "\(name).attn.proj")
    y = try b.convolution(b.norm(x, "\(name).norm3", eps: eps), "\(name).local_mp.conv1", groups: .depthwise)
    y = try b.batchNorm(b.activation(y, .gelu), "\(name).local_mp.bn")
    y = try b.convolution(y, "\(name).local_mp.conv2", groups: .depthwise)
    x = try b.add(b.layerScale(y, "\(name).gamma3"), x, name)
    y = try mlp(&b, b.norm(x, "\(name).norm2", eps: eps), "\(name).mlp")
    return try b.add(b.layerScale(y, "\(name).gamma2"), x, name)
  }

  private func mlp(
    _ b: inout GraphBuilder, _ x: GraphBuilder.Value, _ name: String
  ) throws -> GraphBuilder.Value {
    let y = b.activation(try b.pointwise(x, "\(name).fc1"), .gelu)
    return try b.pointwise(y, "\(name).fc2", outputs: x.channels)
  }

  /// The class token attends to itself and the pixels; norms and scales act on the pixels too.
  private func classBlock(
    _ b: inout GraphBuilder, _ token: GraphBuilder.Value, _ pixels: GraphBuilder.Value, _ name: String
  ) throws -> (token: GraphBuilder.Value, pixels: GraphBuilder.Value) {
    let scale = "\(name).gamma1"
    let normalized = try b.norm(b.joinTokens([token, pixels]), "\(name).norm1", eps: eps)
    let attended = try b.classAttention(normalized, "\(name).attn", heads: heads)
    let middle = try b.add(b.layerScale(attended, scale), token, name)
    let others = b.tokens(normalized, 1..<Int.max)
    var rest = try b.add(b.layerScale(others, scale), pixels, name)
    let start = try b.norm(middle, "\(name).norm2", eps: eps)
    if row.has("tokens-norm") { rest = try b.norm(rest, "\(name).norm2", eps: eps) }
    let y = try b.layerScale(mlp(&b, start, "\(name).mlp"), "\(name).gamma2")
    return (try b.add(y, start, name), b.scale(rest, by: 2))
  }
}
