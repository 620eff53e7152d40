/// Hiera with the key names of timm.
///
/// Ryali et al., "Hiera: A Hierarchical Vision Transformer without the Bells-and-Whistles" (2023): attention in units of the
/// map, then to all pixels; stages begin with queries that are maxima of four neighbors.
struct Hiera: TabulatedArchitecture {
  static let family = "hiera"

  let published: Published

  private var eps: Double { row.real("eps") }

  func build(_ b: inout GraphBuilder) throws -> GraphBuilder.Value {
    b.onlySize = row.integer("only")
    var x = try b.convolution(b.input(), "patch_embed.proj", kernel: 7, stride: 4)
    x = try b.add(b.grid(of: b.parameter("pos_embed", x), like: x), x, "patch_embed.proj")
    let (heads, isLocal) = (row.integers("heads"), row.integers("local"))
    var block = 0
    for (stage, count) in row.integers("blocks").enumerated() {
      for index in 0..<count {
        // A block that pools attends as the stage before does.
        let pools = stage > 0 && index == 0
        let own = pools ? stage - 1 : stage
        let side = isLocal[own] == 1 ? row.integer("unit") >> own : nil
        x = try self.block(&b, x, "blocks.\(block)", heads: heads[stage], side: side, pools: pools)
        block += 1
      }
    }
    return try b.head(b.norm(b.globalAverage(x), "head.norm", eps: eps), "head.fc")
  }

  private func block(
    _ b: inout GraphBuilder, _ x: GraphBuilder.Value, _ name: String, heads: Int, side: Int?, pools: Bool
  ) throws -> GraphBuilder.Value {
    let start = try b.norm(x, "\(name).norm1", eps: eps)
    var past = x
    if b.state.contains("\(name).proj.weight") {
      past = b.maxPool(try b.pointwise(start, "\(name).proj"), Window(2, stride: 2))
    } else if pools {
      past = b.concatenate([b.maxPool(x, Window(2, stride: 2)), b.averagePool(x, Window(2, stride: 2))])
    }
    let qkv = try b.pointwise(start, "\(name).attn.qkv", outputs: 3 * past.channels)
    var y = try attention(&b, qkv, "\(name).attn", heads: heads, side: side, pools: pools)
    y = try scaled(&b, b.pointwise(y, "\(name).attn.proj"), "\(name).ls1.gamma")
    let middle = try b.add(y, past, "\(name).attn.proj")
    y = try b.pointwise(b.norm(middle, "\(name).norm2", eps: eps), "\(name).mlp.fc1")
    y = try b.pointwise(b.activation(y, .gelu), "\(name).mlp.fc2", outputs: middle.channels)
    return try b.add(scaled(&b, y, "\(name).ls2.gamma"), middle, "\(name).mlp.fc2")
  }

  private func scaled(
    _ b: inout GraphBuilder, _ x: GraphBuilder.Value, _ key: String
  ) throws -> GraphBuilder.Value {
    b.state.contains(key) ? try b.layerScale(x, key) : x
  }

  /// Attention in units of `side` times `side` pixels, nil for all pixels.
  private func attention(
    _ b: inout GraphBuilder, _ qkv: GraphBuilder.Value, _ name: String, heads: Int, side: Int?, pools: Bool
  ) throws -> GraphBuilder.Value {
    let windows = side.map {
      AttentionWindows(
        side: $0, shift: 0, bias: .zero, fillingBias: nil, filling: .afterShift, shrinks: false)
    }
    let attention = Attention(heads: heads, scores: .scaled, windows: windows)
    guard pools else { return try b.attention(qkv, name, attention) }
    let (q, k, v) = b.thirds(qkv)
    let fewer = b.maxPool(q, Window(2, stride: 2))
    guard side != nil else {
      let scale = 1 / Float(q.channels / heads).squareRoot()
      return try b.attention(fewer, k, v, name, CrossAttention(heads: heads, scale: scale))
    }
    // The four pixels of a maximum have the same query, of whose results one is kept.
    let repeated = b.append("enlarge", .enlarge(rows: 2, columns: 2), [fewer], channels: q.channels)
    let all = try b.attention(b.concatenate([repeated, k, v]), name, attention)
    return b.maxPool(all, Window(1, stride: 2))
  }
}
