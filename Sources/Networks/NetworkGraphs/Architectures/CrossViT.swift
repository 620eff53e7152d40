import Checkpoint

/// CrossViT with the key names of timm.
///
/// Chen, Fan, Panda: "CrossViT: Cross-Attention Multi-Scale Vision Transformer for Image Classification" (2021): two
/// transformers, for patches of two sizes, whose class tokens attend to the patches of each other.
struct CrossViT: TabulatedArchitecture {
  static let family = "crossvit"

  let published: Published

  private var eps: Double { row.real("eps") }

  var pooling: String { "token" }

  func build(_ b: inout GraphBuilder) throws -> GraphBuilder.Value {
    b.onlySize = row.integer("only")
    let (heads, sizes, patches) = (row.integers("heads"), row.integers("sizes"), row.integers("patches"))
    let image = b.input()
    var branches = try (0..<2).map {
      try embedding(&b, image, branch: $0, size: sizes[$0], patch: patches[$0])
    }
    for index in 0..<b.state.count("blocks.", ".projs.0.0.weight") {
      let name = "blocks.\(index)"
      for branch in 0..<2 {
        for index in 0..<b.state.count("\(name).blocks.\(branch).", ".norm1.weight") {
          branches[branch] = try block(
            &b, branches[branch], "\(name).blocks.\(branch).\(index)", heads: heads[branch])
        }
      }
      let pixels = branches.map { b.tokens($0, 1..<Int.max) }
      branches = try (0..<2).map { branch in
        let other = 1 - branch
        let token = try projected(&b, b.tokens(branches[branch], 0..<1), "\(name).projs.\(branch)")
        let fused = try fusion(
          &b, token, pixels[other], "\(name).fusion.\(branch)", heads: heads[other])
        return b.joinTokens([try projected(&b, fused, "\(name).revert_projs.\(branch)"), pixels[branch]])
      }
    }
    let logits = try (0..<2).map { branch in
      try b.head(b.norm(b.tokens(branches[branch], 0..<1), "norm.\(branch)", eps: eps), "head.\(branch)")
    }
    return b.scale(try b.add(logits[0], logits[1], "head.1"), by: 0.5)
  }

  /// The tokens of a branch, of patches of the image at the branch's size.
  private func embedding(
    _ b: inout GraphBuilder, _ image: GraphBuilder.Value, branch: Int, size: Int, patch: Int
  ) throws -> GraphBuilder.Value {
    var x = image
    if size != row.integer("only") {
      let resampling = Resampling(
        filter: .cubic(coefficient: -0.75, excludesOutside: false), coordinates: .halfPixel,
        target: .size(rows: size, columns: size))
      x = b.append("resize", .resample(resampling), [x], channels: x.channels)
    }
    let name = "patch_embed.\(branch).proj"
    if b.state.contains("\(name).weight") {
      x = try b.convolution(x, name, kernel: patch, stride: patch, padding: .all(0))
    } else {
      // Patches of 12 pixels are 4 times 3 without overlap, those of 16 pixels 4 times 2 times 2.
      let isThirds = patch == 12
      x = b.activation(try b.convolution(x, "\(name).0", kernel: 7, stride: 4), .relu)
      x = try b.convolution(
        x, "\(name).2", kernel: 3, stride: isThirds ? 3 : 2, padding: .all(isThirds ? 0 : 1))
      x = try b.convolution(b.activation(x, .relu), "\(name).4", kernel: 3, stride: isThirds ? 1 : 2)
    }
    return try b.embed(
      x, prefix: ["cls_token_\(branch)"], prefixCount: 1, positions: "pos_embed_\(branch)",
      embeddedPrefixCount: 1, grid: size / patch, resampling: .antialiased)
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

  /// A class token with the channels of the other branch.
  private func projected(
    _ b: inout GraphBuilder, _ token: GraphBuilder.Value, _ name: String
  ) throws -> GraphBuilder.Value {
    try b.pointwise(b.activation(b.norm(token, "\(name).0", eps: eps), .gelu), "\(name).2")
  }

  /// The class token after attention to itself and the patches of the other branch.
  private func fusion(
    _ b: inout GraphBuilder, _ token: GraphBuilder.Value, _ pixels: GraphBuilder.Value, _ name: String,
    heads: Int
  ) throws -> GraphBuilder.Value {
    let x = try b.norm(b.joinTokens([token, pixels]), "\(name).norm1", eps: eps)
    let q = try b.pointwise(b.tokens(x, 0..<1), "\(name).attn.wq")
    let (k, v) = (try b.pointwise(x, "\(name).attn.wk"), try b.pointwise(x, "\(name).attn.wv"))
    let scale = 1 / Float(q.channels / max(heads, 1)).squareRoot()
    let y = try b.attention(q, k, v, "\(name).attn", CrossAttention(heads: heads, scale: scale))
    return try b.add(b.pointwise(y, "\(name).attn.proj", outputs: token.channels), token, "\(name).attn.proj")
  }
}
