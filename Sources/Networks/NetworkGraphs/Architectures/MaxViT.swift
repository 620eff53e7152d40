import Checkpoint

/// Networks of convolutional and attending blocks with the key names of timm: CoAtNet, MaxViT and their kin.
///
/// Dai et al., "CoAtNet" (2021); Tu et al., "MaxViT: Multi-Axis Vision Transformer" (2022): attention in windows, and in
/// grids of pixels that are far apart.
struct MaxViT: TabulatedArchitecture {
  static let family = "maxxvit"

  let published: Published

  private var act: Activation { row.activation("conv-act") }

  func build(_ b: inout GraphBuilder) throws -> GraphBuilder.Value {
    if row.has("same") { b.defaultPadding = .same }
    b.eps = row.real("conv-eps")
    if row.has("only") { b.onlySize = row.integer("only") }
    if row.has("window") { b.patchSize = 32 * row.integer("window") }
    var x = try b.convolution(b.input(), "stem.conv1", stride: 2)
    x = try convolutionNorm(&b, x, "stem.norm1", activates: true)
    x = try b.convolution(x, "stem.conv2")
    for (stage, count) in row.integers("blocks").enumerated() {
      for index in 0..<count {
        let site = Site(
          stride: index == 0 ? 2 : 1, side: row.has("only") ? row.integer("only") >> (stage + 2) : 0)
        x = try block(&b, x, "stages.\(stage).blocks.\(index)", site)
      }
    }
    if b.state.contains("norm.weight") {
      x = try norm(&b, x, "norm")
      return try b.head(b.globalAverage(x), "head.fc")
    }
    x = try norm(&b, b.globalAverage(x), "head.norm")
    if b.state.contains("head.pre_logits.fc.weight") {
      x = try b.pointwise(x, "head.pre_logits.fc")
      x = b.append("tanh", .function(.tanh), [x], channels: x.channels)
    }
    return try b.head(x, "head.fc")
  }

  /// Properties of a block that follow from its place in the network.
  private struct Site {
    let stride: Int
    /// Rows and columns of the stage's maps, where attention is to all pixels.
    let side: Int
  }

  private func block(
    _ b: inout GraphBuilder, _ x: GraphBuilder.Value, _ name: String, _ site: Site
  ) throws -> GraphBuilder.Value {
    if b.state.contains("\(name).attn.qkv.weight") { return try transformer(&b, x, name, site) }
    guard b.state.contains("\(name).attn_grid.norm1.weight") || b.state.contains("\(name).attn.norm1.weight")
    else { return try convolutional(&b, x, name, stride: site.stride) }
    var x = x
    let convolutions = (0..<4).map { "\(name).conv.\($0)" }.filter { isConvolutional(b, $0) }
    for (index, own) in (convolutions.isEmpty ? ["\(name).conv"] : convolutions).enumerated() {
      x = try convolutional(&b, x, own, stride: index == 0 ? site.stride : 1)
    }
    if b.state.contains("\(name).attn_block.norm1.weight") {
      x = try partitioned(&b, x, "\(name).attn_block", [("attn", .windows)])
    }
    if b.state.contains("\(name).attn_grid.norm1.weight") {
      return try partitioned(&b, x, "\(name).attn_grid", [("attn", .grid)])
    }
    return try partitioned(&b, x, "\(name).attn", [("attn_block", .windows), ("attn_grid", .grid)])
  }

  private func isConvolutional(_ b: GraphBuilder, _ name: String) -> Bool {
    b.state.contains("\(name).conv1_1x1.weight") || b.state.contains("\(name).conv_dw.weight")
  }

  // MARK: Convolutions

  private func convolutional(
    _ b: inout GraphBuilder, _ x: GraphBuilder.Value, _ name: String, stride: Int
  ) throws -> GraphBuilder.Value {
    b.state.contains("\(name).conv_dw.weight")
      ? try convNeXt(&b, x, name, stride: stride) : try mobile(&b, x, name, stride: stride)
  }

  /// A BatchNorm or LayerNorm of a convolutional part, and its activation.
  private func convolutionNorm(
    _ b: inout GraphBuilder, _ x: GraphBuilder.Value, _ name: String, activates: Bool
  ) throws -> GraphBuilder.Value {
    let y =
      b.state.contains("\(name).running_mean")
      ? try b.batchNorm(x, name) : try b.norm(x, name, eps: row.real("conv-eps"))
    return activates ? b.activation(y, act) : y
  }

  private func shortcut(
    _ b: inout GraphBuilder, _ x: GraphBuilder.Value, _ name: String, stride: Int, pool kind: String,
    isSame: Bool
  ) throws -> GraphBuilder.Value {
    let y = stride == 2 ? pool(&b, x, kind, isSame: isSame) : x
    let layer = ["\(name).expand", name].first { b.state.contains("\($0).weight") }
    return try layer.map { try b.pointwise(y, $0) } ?? y
  }

  private func pool(
    _ b: inout GraphBuilder, _ x: GraphBuilder.Value, _ kind: String, isSame: Bool
  ) -> GraphBuilder.Value {
    let isLarge = kind == "max" || kind == "avg"
    let window = Window(
      kernel: isLarge ? (3, 3) : (2, 2), stride: (2, 2),
      padding: isSame ? .same : .all(isLarge ? 1 : 0))
    // timm counts zeros in windows filled up to the same size.
    return kind.hasPrefix("max")
      ? b.maxPool(x, window) : b.averagePool(x, window, countIncludePad: !isLarge)
  }

  private func mobile(
    _ b: inout GraphBuilder, _ x: GraphBuilder.Value, _ name: String, stride: Int
  ) throws -> GraphBuilder.Value {
    let isSame = row.has("same")
    let mode = row.text("stride-mode")
    let past = try shortcut(
      &b, x, "\(name).shortcut", stride: stride, pool: row.text("conv-pool"), isSame: isSame)
    var y = try convolutionNorm(&b, x, "\(name).pre_norm", activates: row.has("pre-act"))
    if stride == 2 && mode == "pool" { y = pool(&b, y, row.text("down-pool"), isSame: isSame) }
    y = try b.convolution(y, "\(name).conv1_1x1", kernel: 1, stride: mode == "1x1" ? stride : 1)
    y = try convolutionNorm(&b, y, "\(name).norm1", activates: true)
    y = try b.convolution(y, "\(name).conv2_kxk", stride: mode == "dw" ? stride : 1, groups: .fromShape)
    y = try gated(&b, y, "\(name).se_early")
    y = try convolutionNorm(&b, y, "\(name).norm2", activates: true)
    y = try gated(&b, y, "\(name).se")
    return try b.add(b.convolution(y, "\(name).conv3_1x1", kernel: 1), past, "\(name).conv3_1x1")
  }

  private func gated(
    _ b: inout GraphBuilder, _ x: GraphBuilder.Value, _ name: String
  ) throws -> GraphBuilder.Value {
    if b.state.contains("\(name).fc1.weight") {
      return try b.squeezeExcite(x, "\(name).fc1", "\(name).fc2", row.activation("gate-act"), gate: .sigmoid)
    }
    return b.state.contains("\(name).conv.weight") ? try b.channelAttention(x, "\(name).conv") : x
  }

  private func convNeXt(
    _ b: inout GraphBuilder, _ x: GraphBuilder.Value, _ name: String, stride: Int
  ) throws -> GraphBuilder.Value {
    let pools = row.text("stride-mode") == "pool"
    let past = try shortcut(&b, x, "\(name).shortcut", stride: stride, pool: "avg2", isSame: false)
    let start = stride == 2 && pools ? pool(&b, x, row.text("down-pool"), isSame: false) : x
    var y = try b.convolution(
      start, "\(name).conv_dw", stride: pools ? 1 : stride, groups: .fromShape)
    y = try b.norm(y, "\(name).norm", eps: row.real("conv-eps"))
    y = b.activation(try b.pointwise(y, "\(name).mlp.fc1"), act)
    y = try b.pointwise(y, "\(name).mlp.fc2")
    if b.state.contains("\(name).ls.gamma") { y = try b.layerScale(y, "\(name).ls.gamma") }
    return try b.add(y, past, "\(name).mlp.fc2")
  }

  // MARK: Attention

  /// A LayerNorm or BatchNorm of attention and perceptrons, whose eps is not that of convolutional parts.
  private func norm(
    _ b: inout GraphBuilder, _ x: GraphBuilder.Value, _ name: String
  ) throws -> GraphBuilder.Value {
    let eps = row.real("norm-eps")
    guard b.state.contains("\(name).running_mean") else { return try b.norm(x, name, eps: eps) }
    b.eps = eps
    defer { b.eps = row.real("conv-eps") }
    return try b.batchNorm(x, name)
  }

  private func transformer(
    _ b: inout GraphBuilder, _ x: GraphBuilder.Value, _ name: String, _ site: Site
  ) throws -> GraphBuilder.Value {
    var (past, y) = (x, x)
    if b.state.contains("\(name).norm1.norm.weight") {
      let kind = row.text("attention-pool")
      past = try shortcut(&b, x, "\(name).shortcut", stride: 2, pool: kind, isSame: false)
      y = pool(&b, try norm(&b, x, "\(name).norm1.norm"), kind, isSame: false)
    } else {
      y = try norm(&b, x, "\(name).norm1")
    }
    y = try attention(&b, y, "\(name).attn", side: site.side, .windows)
    if b.state.contains("\(name).ls1.gamma") { y = try b.layerScale(y, "\(name).ls1.gamma") }
    return try mlp(&b, b.add(y, past, "\(name).attn.proj"), name)
  }

  /// Attention in parts of the map, and a perceptron.
  private func partitioned(
    _ b: inout GraphBuilder, _ x: GraphBuilder.Value, _ name: String,
    _ layers: [(key: String, arrangement: AttentionWindows.Arrangement)]
  ) throws -> GraphBuilder.Value {
    let start = try norm(&b, x, "\(name).norm1")
    let parts = try layers.map {
      try attention(&b, start, "\(name).\($0.key)", side: row.integer("window"), $0.arrangement)
    }
    var y = parts.count == 1 ? parts[0] : b.concatenate(parts)
    if b.state.contains("\(name).ls1.gamma") { y = try b.layerScale(y, "\(name).ls1.gamma") }
    return try mlp(&b, b.add(y, x, name), name)
  }

  private func mlp(
    _ b: inout GraphBuilder, _ x: GraphBuilder.Value, _ name: String
  ) throws -> GraphBuilder.Value {
    var y = try norm(&b, x, "\(name).norm2")
    y = b.activation(try b.pointwise(y, "\(name).mlp.fc1"), row.activation("act"))
    y = try b.pointwise(y, "\(name).mlp.fc2", outputs: x.channels)
    if b.state.contains("\(name).ls2.gamma") { y = try b.layerScale(y, "\(name).ls2.gamma") }
    return try b.add(y, x, "\(name).mlp.fc2")
  }

  private func attention(
    _ b: inout GraphBuilder, _ x: GraphBuilder.Value, _ name: String, side: Int,
    _ arrangement: AttentionWindows.Arrangement
  ) throws -> GraphBuilder.Value {
    let width = row.integer("head-width")
    var qkv = try b.pointwise(x, "\(name).qkv")
    let heads = qkv.channels / 3 / width
    if row.has("head-first") { qkv = b.headsLast(qkv, heads: heads) }
    let position = "\(name).rel_pos"
    let table = "\(position).relative_position_bias_table"
    let bias: AttentionWindows.Bias
    let extent = 2 * side - 1
    if b.state.contains("\(position).mlp.fc1.weight") {
      let hidden = try b.require("\(position).mlp.fc1.weight", shape: [nil, 2])
      bias = .linearNetwork(
        hidden: hidden.name,
        hiddenBias: try b.require("\(position).mlp.fc1.bias", shape: [hidden.shape[0]]).name,
        output: try b.require("\(position).mlp.fc2.weight", shape: [heads, hidden.shape[0]]).name,
        outputBias: try b.require("\(position).mlp.fc2.bias", shape: [heads]).name)
    } else if b.state.shape(table)?.count == 3 {
      bias = .tableByHead(try b.require(table, shape: [heads, extent, extent]).name)
    } else if b.state.contains(table) {
      bias = .table(try b.require(table, shape: [extent * extent, heads]).name)
    } else {
      bias = .zero
    }
    let y = try b.attention(
      qkv, name,
      Attention(
        heads: heads, scores: .scaled,
        windows: AttentionWindows(
          side: side, shift: 0, bias: bias, fillingBias: nil, filling: .afterShift, shrinks: false,
          arrangement: arrangement)))
    return try b.pointwise(y, "\(name).proj")
  }
}
