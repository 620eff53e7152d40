import Checkpoint

/// MViTv2 with the key names of timm.
///
/// Li et al., "MViTv2: Improved Multiscale Vision Transformers for Classification and Detection" (2022): convolutions pool
/// queries, keys and values, and products of the queries with learned vectors tell the positions of keys.
struct MultiscaleViT: TabulatedArchitecture {
  static let family = "mvitv2"

  let published: Published

  private var eps: Double { row.real("eps") }

  var pooling: String { row.has("token") ? "token" : "avg" }

  /// Pixels, with the class token before them where the network has one.
  private struct Tokens {
    var values: GraphBuilder.Value
    /// A map of the size of the pixels.
    var map: GraphBuilder.Value
    /// Rows and columns of the pixels.
    var side: Int
  }

  func build(_ b: inout GraphBuilder) throws -> GraphBuilder.Value {
    b.onlySize = row.integer("only")
    let map = try b.convolution(b.input(), "patch_embed.proj", kernel: 7, stride: 4)
    var x = Tokens(values: map, map: map, side: row.integer("only") / 4)
    if row.has("token") { x.values = b.joinTokens([try b.parameter("cls_token", map), map]) }
    for (stage, heads) in row.integers("heads").enumerated() {
      for index in 0..<b.state.count("stages.\(stage).blocks.", ".norm1.weight") {
        let form = Form(
          heads: heads, stride: index == 0 ? row.integers("strides")[stage] : 1,
          keyStride: row.integers("key-strides")[stage])
        x = try block(&b, x, "stages.\(stage).blocks.\(index)", form)
      }
    }
    if row.has("token") { return try b.head(b.norm(b.tokens(x.values, 0..<1), "norm", eps: eps), "head.fc") }
    return try b.head(b.globalAverage(b.norm(x.values, "norm", eps: eps)), "head.fc")
  }

  private struct Form {
    let heads: Int
    /// Steps between the queries.
    let stride: Int
    /// Steps between keys, and between values.
    let keyStride: Int
  }

  private func block(
    _ b: inout GraphBuilder, _ x: Tokens, _ name: String, _ form: Form
  ) throws -> Tokens {
    let start = Tokens(values: try b.norm(x.values, "\(name).norm1", eps: eps), map: x.map, side: x.side)
    var past = x.values
    if b.state.contains("\(name).shortcut_proj_attn.weight") {
      past = try b.pointwise(start.values, "\(name).shortcut_proj_attn")
    }
    if form.stride > 1 {
      past =
        onPixels(&b, Tokens(values: past, map: x.map, side: x.side)) { b, pixels in
          b.maxPool(pixels, Window(form.stride + 1, stride: form.stride, padding: (form.stride + 1) / 2))
        }.values
    }
    let (y, map, side) = try attention(&b, start, "\(name).attn", form)
    let middle = try b.add(y, past, "\(name).attn.proj")
    let normalized = try b.norm(middle, "\(name).norm2", eps: eps)
    let hidden = b.activation(try b.pointwise(normalized, "\(name).mlp.fc1"), .gelu)
    let last = try b.pointwise(hidden, "\(name).mlp.fc2")
    let shortcut =
      b.state.contains("\(name).shortcut_proj_mlp.weight")
      ? try b.pointwise(normalized, "\(name).shortcut_proj_mlp") : middle
    return Tokens(values: try b.add(last, shortcut, "\(name).mlp.fc2"), map: map, side: side)
  }

  private func attention(
    _ b: inout GraphBuilder, _ x: Tokens, _ name: String, _ form: Form
  ) throws -> (values: GraphBuilder.Value, map: GraphBuilder.Value, side: Int) {
    let parts = b.thirds(try b.pointwise(x.values, "\(name).qkv"))
    func pooled(_ values: GraphBuilder.Value, _ part: String, stride: Int) throws -> Tokens {
      try self.pooled(
        &b, Tokens(values: values, map: x.map, side: x.side), name, part, heads: form.heads, stride: stride)
    }
    let q = try pooled(parts.q, "q", stride: form.stride)
    let k = try pooled(parts.k, "k", stride: form.keyStride)
    let v = try pooled(parts.v, "v", stride: form.keyStride)
    let width = q.values.channels / max(form.heads, 1)
    let count = 2 * max(q.side, k.side) - 1
    var attention = CrossAttention(heads: form.heads, scale: 1 / Float(width).squareRoot())
    attention.positions = QueryPositions(
      rows: try b.require("\(name).rel_pos_h", shape: [count, width]).name,
      columns: try b.require("\(name).rel_pos_w", shape: [count, width]).name, querySide: q.side,
      keySide: k.side, prefix: row.has("token") ? 1 : 0)
    let y = try b.attention(q.values, k.values, v.values, name, attention)
    let sum = try b.add(y, q.values, "\(name).proj")
    return (try b.pointwise(sum, "\(name).proj", outputs: y.channels), q.map, q.side)
  }

  /// Pixels by a depthwise convolution that all heads share, and a LayerNorm of every head.
  private func pooled(
    _ b: inout GraphBuilder, _ x: Tokens, _ name: String, _ part: String, heads: Int, stride: Int
  ) throws -> Tokens {
    guard heads > 0, x.values.channels % heads == 0 else {
      throw b.unshared(x.values.channels, heads: heads)
    }
    let width = x.values.channels / heads
    var result = try onPixels(&b, x) { b, pixels in
      let results = try (0..<heads).map { head in
        let own = heads == 1 ? pixels : b.slice(pixels, head * width..<(head + 1) * width)
        return try b.convolution(own, "\(name).pool_\(part)", stride: stride, groups: .depthwise)
      }
      return heads == 1 ? results[0] : b.concatenate(results)
    }
    result.values = try b.norm(result.values, "\(name).norm_\(part)", eps: eps, groups: heads)
    result.side = (x.side + stride - 1) / stride
    return result
  }

  /// The tokens with a map of the pixels in place of the pixels; its side is that of the tokens before.
  private func onPixels(
    _ b: inout GraphBuilder, _ x: Tokens,
    _ body: (inout GraphBuilder, GraphBuilder.Value) throws -> GraphBuilder.Value
  ) rethrows -> Tokens {
    guard row.has("token") else {
      let map = try body(&b, x.values)
      return Tokens(values: map, map: map, side: x.side)
    }
    let map = try body(&b, b.grid(of: b.tokens(x.values, 1..<Int.max), like: x.map))
    return Tokens(values: b.joinTokens([b.tokens(x.values, 0..<1), map]), map: map, side: x.side)
  }
}
