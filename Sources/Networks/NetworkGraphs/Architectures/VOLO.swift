import Checkpoint

/// Vision outlookers with the key names of timm.
///
/// Yuan et al., "VOLO: Vision Outlooker for Visual Recognition" (2022): every other pixel has weights for sums of its
/// neighbors, which are added to its neighbors; then a transformer, and a class token that attends to the rest. A second
/// classifier's largest results over all pixels take part by half.
struct VOLO: TabulatedArchitecture {
  static let family = "volo"

  let published: Published

  private var eps: Double { row.real("eps") }

  var pooling: String { "token" }

  func build(_ b: inout GraphBuilder) throws -> GraphBuilder.Value {
    b.onlySize = row.integer("only")
    b.eps = row.real("conv-eps")
    var x = b.input()
    for index in 0..<3 {
      let (convolution, norm) = ("patch_embed.conv.\(3 * index)", "patch_embed.conv.\(3 * index + 1)")
      x = try b.convolutionNorm(x, convolution, norm, stride: index == 0 ? row.integer("stride") : 1, .relu)
    }
    let patch = b.state.shape("patch_embed.proj.weight")?.last ?? 4
    x = try b.convolution(x, "patch_embed.proj", kernel: patch, stride: patch, padding: .all(0))
    let heads = row.integers("heads")
    var stage = 0
    var index = 0
    while case let name = "network.\(index)",
      ["proj", "0.norm1"].contains(where: { b.state.contains("\(name).\($0).weight") })
    {
      if index == 2 { x = try b.add(positions(&b, like: x), x, name) }
      if b.state.contains("\(name).proj.weight") {
        let side = b.state.shape("\(name).proj.weight")?.last ?? 2
        x = try b.convolution(x, "\(name).proj", kernel: side, stride: side, padding: .all(0))
      } else {
        for part in 0..<b.state.count("\(name).", ".norm1.weight") {
          x = try block(&b, x, "\(name).\(part)", heads: heads[stage])
        }
        stage += 1
      }
      index += 1
    }
    var token = try b.parameter("cls_token", x)
    for index in 0..<b.state.count("post_network.", ".norm1.weight") {
      token = try classBlock(&b, token, x, "post_network.\(index)", heads: heads[heads.count - 1])
    }
    let logits = try b.head(b.norm(token, "norm", eps: eps), "head")
    let others = try b.pointwise(b.norm(x, "norm", eps: eps), b.state.headName("aux_head") ?? "aux_head")
    let largest = b.append("maximum", .globalMax, [others], channels: others.channels)
    return try b.add(b.scale(largest, by: 0.5), logits, "head")
  }

  /// The learned map `[1, height, width, channels]`.
  private func positions(
    _ b: inout GraphBuilder, like x: GraphBuilder.Value
  ) throws -> GraphBuilder.Value {
    let spec = try b.require("pos_embed", shape: [1, nil, nil, x.channels])
    let tokens = b.append(
      "pos_embed", .parameter(spec.name, count: spec.shape[1] * spec.shape[2]), [x], channels: x.channels)
    return b.grid(of: tokens, like: x)
  }

  private func mlp(
    _ b: inout GraphBuilder, _ x: GraphBuilder.Value, _ name: String
  ) throws -> GraphBuilder.Value {
    let y = try b.pointwise(b.norm(x, "\(name).norm2", eps: eps), "\(name).mlp.fc1")
    return try b.add(
      b.pointwise(b.activation(y, .gelu), "\(name).mlp.fc2", outputs: x.channels), x, "\(name).mlp.fc2")
  }

  private func block(
    _ b: inout GraphBuilder, _ x: GraphBuilder.Value, _ name: String, heads: Int
  ) throws -> GraphBuilder.Value {
    let own = "\(name).attn"
    let start = try b.norm(x, "\(name).norm1", eps: eps)
    let y: GraphBuilder.Value
    if b.state.contains("\(own).qkv.weight") {
      let qkv = try b.pointwise(start, "\(own).qkv", outputs: 3 * x.channels)
      y = try b.attention(qkv, own, heads: heads)
    } else {
      y = try outlook(&b, start, own, heads: heads)
    }
    return try mlp(&b, b.add(b.pointwise(y, "\(own).proj", outputs: x.channels), x, "\(own).proj"), name)
  }

  private func classBlock(
    _ b: inout GraphBuilder, _ token: GraphBuilder.Value, _ x: GraphBuilder.Value, _ name: String, heads: Int
  ) throws -> GraphBuilder.Value {
    let own = "\(name).attn"
    let all = try b.norm(b.joinTokens([token, x]), "\(name).norm1", eps: eps)
    let q = try b.pointwise(b.tokens(all, 0..<1), "\(own).q")
    let kv = try b.pointwise(all, "\(own).kv", outputs: 2 * q.channels)
    let y = try b.attention(
      q, b.slice(kv, 0..<q.channels), b.slice(kv, q.channels..<2 * q.channels), own,
      CrossAttention(heads: heads, scale: 1 / Float(q.channels / heads).squareRoot()))
    let attended = try b.pointwise(y, "\(own).proj", outputs: token.channels)
    return try mlp(&b, b.add(attended, token, "\(own).proj"), name)
  }

  // MARK: Outlook attention

  /// Every other pixel along both axes has, for each of its nine neighbors, weights of all nine.
  private func outlook(
    _ b: inout GraphBuilder, _ x: GraphBuilder.Value, _ name: String, heads: Int
  ) throws -> GraphBuilder.Value {
    let (channels, width) = (x.channels, x.channels / heads)
    let value = try b.pointwise(x, "\(name).v", outputs: channels)
    // Scores [head][target][source] become [source][head][target] for the softmax over sources.
    var weights = try b.pointwise(
      b.averagePool(x, Window(2, stride: 2)), "\(name).attn", outputs: 81 * heads)
    weights = b.scale(weights, by: 1 / Float(width).squareRoot())
    weights = b.reorder(
      weights, (0..<9).flatMap { source in (0..<9 * heads).map { $0 / 9 * 81 + $0 % 9 * 9 + source } })
    weights = b.softmax(weights, groups: 9)
    let sources = b.concatenate((0..<9).map { neighbor(&b, value, down: $0 / 3 - 1, right: $0 % 3 - 1) })
    let sums = (0..<9).map { target in
      let factors = b.reorder(
        weights,
        (0..<9).flatMap { source in
          (0..<channels).map { (source * heads + $0 / width) * 9 + target }
        })
      return b.sumOfGroups(b.multiply(sources, factors), 9)
    }
    // A pixel at an odd place is a neighbor of two others along that axis.
    let last = try b.add(sums[8], moved(&b, sums[6], down: 0, right: 1), name)
    let beneath = try b.add(
      moved(&b, sums[2], down: 1, right: 0), moved(&b, sums[0], down: 1, right: 1), name)
    let phases = [
      sums[4], try b.add(sums[5], moved(&b, sums[3], down: 0, right: 1), name),
      try b.add(sums[7], moved(&b, sums[1], down: 1, right: 0), name), try b.add(last, beneath, name),
    ]
    return b.depthToSpace(b.concatenate(phases), side: 2)
  }

  /// The pixels beside every other one, zeros beyond the edges.
  private func neighbor(
    _ b: inout GraphBuilder, _ x: GraphBuilder.Value, down: Int, right: Int
  ) -> GraphBuilder.Value {
    b.maxPool(moved(&b, x, down: down, right: right), Window(1, stride: 2))
  }

  /// The map whose pixels are those further down and to the right, zeros beyond the edges.
  private func moved(
    _ b: inout GraphBuilder, _ x: GraphBuilder.Value, down: Int, right: Int
  ) -> GraphBuilder.Value {
    if down == 0 && right == 0 { return x }
    let margins = Margins(top: -down, left: -right, bottom: down, right: right)
    return b.append("moved", .pad(margins), [x], channels: x.channels)
  }
}
