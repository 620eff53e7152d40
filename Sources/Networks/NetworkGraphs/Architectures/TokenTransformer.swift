import Checkpoint

/// Transformers on one grid of tokens with the key names of timm, beyond the plain `VisionTransformer`: BEiT, EVA and
/// EVA-02, DINOv3, rotary and parallel ViTs, and those that pool by attention.
///
/// Bao et al., "BEiT" (2021); Fang et al., "EVA" (2022) and "EVA-02" (2023); Zhai et al., "Sigmoid Loss for Language
/// Image Pre-Training" (2023); Siméoni et al., "DINOv3" (2025); Dehghani et al., "Scaling Vision Transformers to 22
/// Billion Parameters" (2023) and Touvron et al., "Three things everyone should know about Vision Transformers" (2022)
/// for the parallel layers.
struct TokenTransformer: TabulatedArchitecture {
  static let family = "vit-variants"

  let published: Published

  private var heads: Int { row.integer("heads") }
  private var eps: Double { row.real("eps") }
  private var norm: GraphBuilder.Norm { row.has("rms") ? .rootMeanSquare : .layer }
  private var prefixCount: Int { row.integer("prefix") }

  func build(_ b: inout GraphBuilder) throws -> GraphBuilder.Value {
    let patch = b.state.shape("patch_embed.proj.weight")?.last ?? 16
    b.patchSize = patch
    var x = try b.convolution(b.input(), "patch_embed.proj", kernel: patch, stride: patch, padding: .all(0))
    if b.state.contains("patch_embed.norm.weight") { x = try b.norm(x, "patch_embed.norm", norm, eps: eps) }
    let embedded = row.has("embedded") ? prefixCount : 0
    let positions = b.state.shape("pos_embed").map { $0.count == 3 ? $0[1] - embedded : 0 }
    x = try b.embed(
      x, prefix: ["cls_token", "reg_token"].filter { b.state.contains($0) }, prefixCount: prefixCount,
      positions: positions.map { _ in "pos_embed" }, embeddedPrefixCount: embedded,
      grid: Self.side(positions ?? 0), resampling: .antialiased)
    if b.state.contains("norm_pre.weight") { x = try b.norm(x, "norm_pre", norm, eps: eps) }
    if row.has("grid") { b.onlySize = patch * row.integer("grid") }
    for index in 0..<row.integer("blocks") { x = try block(&b, x, index, patch: patch) }
    if b.state.contains("norm.weight") { x = try b.norm(x, "norm", norm, eps: eps) }
    x = try pool(&b, x)
    if b.state.contains("fc_norm.weight") { x = try b.norm(x, "fc_norm", norm, eps: eps) }
    return try b.head(x, "head")
  }

  var pooling: String { row.text("pool") }

  /// The side of a square.
  private static func side(_ count: Int) -> Int { Int(Double(max(count, 0)).squareRoot().rounded()) }

  private func pool(_ b: inout GraphBuilder, _ x: GraphBuilder.Value) throws -> GraphBuilder.Value {
    let all = row.has("pools-prefix")
    let pixels = all || prefixCount == 0 ? x : b.tokens(x, prefixCount..<Int.max)
    switch row.text("pool") {
    case "token": return b.tokens(x, 0..<1)
    case "avg": return b.globalAverage(pixels)
    default: return try attentionPool(&b, pixels)
    }
  }

  /// Pooling by the attention of a learned query to all tokens.
  private func attentionPool(
    _ b: inout GraphBuilder, _ x: GraphBuilder.Value
  ) throws -> GraphBuilder.Value {
    let name = "attn_pool"
    let q = try b.pointwise(b.parameter("\(name).latent", x), "\(name).q")
    let kv = try b.pointwise(x, "\(name).kv", outputs: 2 * q.channels)
    let (k, v) = (b.slice(kv, 0..<q.channels), b.slice(kv, q.channels..<2 * q.channels))
    let own = row.integer("pool-heads")
    let scale = 1 / Float(q.channels / own).squareRoot()
    var y = try b.attention(q, k, v, name, CrossAttention(heads: own, scale: scale))
    let middle = try b.pointwise(y, "\(name).proj")
    y = try b.norm(middle, "\(name).norm", norm, eps: eps)
    y = b.activation(try b.pointwise(y, "\(name).mlp.fc1"), row.activation("pool-act"))
    y = try b.pointwise(y, "\(name).mlp.fc2", outputs: middle.channels)
    return b.tokens(try b.add(y, middle, "\(name).mlp.fc2"), 0..<1)
  }

  // MARK: Blocks

  private func block(
    _ b: inout GraphBuilder, _ x: GraphBuilder.Value, _ index: Int, patch: Int
  ) throws -> GraphBuilder.Value {
    let name = "blocks.\(index)"
    let site = Site(block: index, patch: patch)
    switch row.text("block") {
    case "parallel-layers": return try parallelLayers(&b, x, name, site)
    case "parallel-parts": return try parallelParts(&b, x, name, site)
    case "post-norm":
      var y = try b.norm(attention(&b, x, "\(name).attn", site), "\(name).norm1", norm, eps: eps)
      let middle = try b.add(y, x, "\(name).attn.proj")
      y = try b.norm(mlp(&b, middle, "\(name).mlp"), "\(name).norm2", norm, eps: eps)
      return try b.add(y, middle, "\(name).mlp.fc2")
    default:
      var y = try b.norm(x, "\(name).norm1", norm, eps: eps)
      y = try scaled(&b, attention(&b, y, "\(name).attn", site), ["\(name).ls1.gamma", "\(name).gamma_1"])
      let middle = try b.add(y, x, "\(name).attn.proj")
      y = try b.norm(middle, "\(name).norm2", norm, eps: eps)
      y = try scaled(&b, mlp(&b, y, "\(name).mlp"), ["\(name).ls2.gamma", "\(name).gamma_2"])
      return try b.add(y, middle, "\(name).mlp.fc2")
    }
  }

  /// The place of a layer of attention in the network.
  private struct Site {
    let block: Int
    let patch: Int
  }

  /// The result of a branch times the layer scale that the file holds, if any.
  private func scaled(
    _ b: inout GraphBuilder, _ x: GraphBuilder.Value, _ keys: [String]
  ) throws -> GraphBuilder.Value {
    guard let key = keys.first(where: { b.state.contains($0) }) else { return x }
    return try b.layerScale(x, key)
  }

  /// Several layers of attention on the same input, then several of perceptrons.
  private func parallelLayers(
    _ b: inout GraphBuilder, _ x: GraphBuilder.Value, _ name: String, _ site: Site
  ) throws -> GraphBuilder.Value {
    var x = x
    for (part, layer) in [("attns", "attn"), ("ffns", "mlp")] {
      let input = x
      for index in 0..<b.state.count("\(name).\(part).", ".norm.weight") {
        let own = "\(name).\(part).\(index)"
        var y = try b.norm(input, "\(own).norm", norm, eps: eps)
        y =
          layer == "attn"
          ? try attention(&b, y, "\(own).attn", site) : try mlp(&b, y, "\(own).mlp")
        x = try b.add(scaled(&b, y, ["\(own).ls.gamma"]), x, own)
      }
    }
    return x
  }

  /// Attention and perceptron on the same input, with one layer before both.
  private func parallelParts(
    _ b: inout GraphBuilder, _ x: GraphBuilder.Value, _ name: String, _ site: Site
  ) throws -> GraphBuilder.Value {
    let inner = try b.pointwise(b.norm(x, "\(name).in_norm", norm, eps: eps), "\(name).in_proj")
    let hidden = inner.channels - 3 * x.channels
    var y = b.slice(inner, 0..<hidden)
    if b.state.contains("\(name).mlp_bias") {
      let bias = try b.require("\(name).mlp_bias", shape: [hidden])
      y = b.shift(y, by: .tensor(bias.name))
    }
    y = b.activation(y, row.activation("act"))
    let (q, k, v) = b.thirds(b.slice(inner, hidden..<inner.channels))
    let attended = try attend(&b, q, k, v, name, site)
    if b.state.contains("\(name).out_proj.weight") {
      y = try b.pointwise(b.concatenate([attended, y]), "\(name).out_proj", outputs: x.channels)
    } else {
      let first = try b.pointwise(attended, "\(name).attn_out_proj", outputs: x.channels)
      let second = try b.pointwise(y, "\(name).mlp_out_proj", outputs: x.channels)
      y = try b.add(second, first, "\(name).mlp_out_proj")
    }
    return try b.add(scaled(&b, y, ["\(name).ls.gamma"]), x, name)
  }

  private func mlp(
    _ b: inout GraphBuilder, _ x: GraphBuilder.Value, _ name: String
  ) throws -> GraphBuilder.Value {
    var y: GraphBuilder.Value
    let act = row.activation("act")
    switch row.text("mlp") {
    case "packed":
      let both = try b.pointwise(x, "\(name).fc1")
      let half = both.channels / 2
      y = b.gated(b.slice(both, 0..<half), act, b.slice(both, half..<2 * half))
    case "gated":
      y = b.gated(try b.pointwise(x, "\(name).fc1_g"), act, try b.pointwise(x, "\(name).fc1_x"))
    default: y = b.activation(try b.pointwise(x, "\(name).fc1"), act)
    }
    if b.state.contains("\(name).norm.weight") { y = try b.norm(y, "\(name).norm", norm, eps: eps) }
    return try b.pointwise(y, "\(name).fc2", outputs: x.channels)
  }

  private func attention(
    _ b: inout GraphBuilder, _ x: GraphBuilder.Value, _ name: String, _ site: Site
  ) throws -> GraphBuilder.Value {
    let (q, k, v): (GraphBuilder.Value, GraphBuilder.Value, GraphBuilder.Value)
    if b.state.contains("\(name).q_proj.weight") {
      q = try b.pointwise(x, "\(name).q_proj")
      k = try b.pointwise(x, "\(name).k_proj")
      v = try b.pointwise(x, "\(name).v_proj")
    } else {
      var qkv = try b.pointwise(x, "\(name).qkv")
      if b.state.contains("\(name).q_bias") {
        let width = qkv.channels / 3
        let query = try b.require("\(name).q_bias", shape: [width]).name
        let value = try b.require("\(name).v_bias", shape: [width]).name
        qkv = b.shift(
          qkv,
          by: .parts([
            .init(tensor: query, range: 0..<width), .init(tensor: nil, range: 0..<width),
            .init(tensor: value, range: 0..<width),
          ]))
      }
      (q, k, v) = b.thirds(qkv)
    }
    var y = try attend(&b, q, k, v, name, site)
    if b.state.contains("\(name).norm.weight") { y = try b.norm(y, "\(name).norm", norm, eps: eps) }
    if b.state.contains("\(name).gate.weight") {
      y = b.gated(try b.pointwise(x, "\(name).gate", outputs: y.channels), .sigmoid, y)
    }
    return try b.pointwise(y, "\(name).proj", outputs: x.channels)
  }

  /// Attention with the norms, rotations and position biases of the file.
  private func attend(
    _ b: inout GraphBuilder, _ q: GraphBuilder.Value, _ k: GraphBuilder.Value, _ v: GraphBuilder.Value,
    _ name: String, _ site: Site
  ) throws -> GraphBuilder.Value {
    var (q, k) = (q, k)
    let width = q.channels / heads
    let keyHeads = max(1, k.channels / max(width, 1))
    if b.state.contains("\(name).q_norm.weight") {
      q = try b.norm(q, "\(name).q_norm", norm, eps: eps, groups: heads)
      k = try b.norm(k, "\(name).k_norm", norm, eps: eps, groups: keyHeads)
    }
    if let angles = try angles(&b, site, pairs: width / 2) {
      func rotation(_ heads: Int) -> RotaryEmbedding {
        RotaryEmbedding(
          heads: heads, prefixCount: prefixCount, angles: angles, swapsAxes: row.has("xy"),
          pairsHalves: row.has("halves"), patch: site.patch)
      }
      (q, k) = (b.rotate(q, rotation(heads)), b.rotate(k, rotation(keyHeads)))
    }
    let bias = try positionBias(&b, name)
    return try b.attention(
      q, k, v, name,
      CrossAttention(heads: heads, keyHeads: keyHeads, scale: 1 / Float(width).squareRoot(), bias: bias))
  }

  /// The numbers that the layer `name`, or all together, add to the scores.
  private func positionBias(_ b: inout GraphBuilder, _ name: String) throws -> PositionBias? {
    let keys = ["\(name)", "\(name).rel_pos", "shared_rel_pos"]
    for key in keys.map({ "\($0).relative_position_bias_table" }) {
      guard let distances = b.state.shape(key)?.first else { continue }
      let side = (Self.side(distances - (prefixCount == 0 ? 0 : 3)) + 1) / 2
      let table = try b.require(key, shape: [distances, heads]).name
      return PositionBias(
        kind: prefixCount == 0 ? .relative(.table(table), prefix: 0) : .distancesAndClass(table),
        rows: side, columns: side)
    }
    guard let own = keys.first(where: { b.state.contains("\($0).mlp.fc1.weight") }) else { return nil }
    let hidden = try b.require("\(own).mlp.fc1.weight", shape: [nil, 2])
    let hiddenBias = try b.require("\(own).mlp.fc1.bias", shape: [hidden.shape[0]]).name
    let output = try b.require("\(own).mlp.fc2.weight", shape: [heads, hidden.shape[0]]).name
    let inner: AttentionWindows.Bias =
      row.has("swin-positions")
      ? .network(hidden: hidden.name, hiddenBias: hiddenBias, output: output, trained: nil)
      : .linearNetwork(
        hidden: hidden.name, hiddenBias: hiddenBias, output: output,
        outputBias: try b.require("\(own).mlp.fc2.bias", shape: [heads]).name)
    let side = row.integer("grid")
    return PositionBias(kind: .relative(inner, prefix: prefixCount), rows: side, columns: side)
  }

  private func angles(
    _ b: inout GraphBuilder, _ site: Site, pairs: Int
  ) throws -> RotaryEmbedding.Angles? {
    switch row.text("rope") {
    case "axial":
      .axial(
        temperature: Float(row.real("temperature")),
        reference: row.has("reference") ? row.integer("reference") : nil,
        offset: row.has("offset") ? Float(row.real("offset")) : 0)
    case "centered": .centered(temperature: Float(row.real("temperature")))
    case "mixed":
      .mixed(
        try b.require("rope.freqs", shape: [2, row.integer("blocks"), heads, pairs]).name, layer: site.block)
    default: nil
    }
  }
}
