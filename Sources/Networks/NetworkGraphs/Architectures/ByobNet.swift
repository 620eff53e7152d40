import Checkpoint

/// Networks of blocks that are named in a configuration, with the key names of timm's `byobnet`: RepVGG, GERNet,
/// MobileOne, RegNetZ, ResNets and ResNeXts with deep stems and gates, and the ResNets of CLIP.
///
/// Ding et al., "RepVGG: Making VGG-style ConvNets Great Again" (2021); Lin et al., "Neural Architecture Design for
/// GPU-Efficient Networks" (2020); Vasu et al., "MobileOne" (2022); Radford et al., "Learning Transferable Visual Models
/// From Natural Language Supervision" (2021). Branches that inference would merge are computed one by one, as in training.
struct ByobNet: TabulatedArchitecture {
  static let family = "byobnet"

  let published: Published

  private var act: Activation { row.activation("act") }

  var headName: String { row.has("pool-heads") ? "head.proj" : "head.fc" }

  var pooling: String { row.has("pool-heads") ? "token" : "avg" }

  func build(_ b: inout GraphBuilder) throws -> GraphBuilder.Value {
    if row.has("only") { b.onlySize = row.integer("only") }
    b.norms = ConvolutionNorms(evolvedIn: row)
    var x = try stem(&b, b.input())
    let strides = row.integers("strides")
    for (stage, count) in row.integers("blocks").enumerated() {
      for index in 0..<count {
        x = try block(&b, x, "stages.\(stage).\(index)", stride: index == 0 ? strides[stage] : 1)
      }
    }
    if b.state.contains("final_conv.conv.weight") { x = try b.unit(x, "final_conv", act) }
    return try head(&b, x)
  }

  // MARK: Stem

  private func stem(_ b: inout GraphBuilder, _ x: GraphBuilder.Value) throws -> GraphBuilder.Value {
    if isMergeable(b, "stem") { return try block(&b, x, "stem", stride: 2) }
    if b.state.contains("stem.conv.weight") { return try b.unit(x, "stem", stride: 2, act) }
    var x = x
    for (index, stride) in row.integers("stem").enumerated() {
      let name = "stem.conv\(index + 1)"
      x =
        b.state.contains("\(name).conv.weight")
        ? try b.unit(x, name, stride: stride, act) : try b.convolution(x, name, stride: stride)
    }
    switch row.text("stem-pool") {
    case "max": return b.maxPool(x, Window(3, stride: 2, padding: 1))
    case "max2": return b.maxPool(x, Window(2, stride: 2))
    case "avg": return b.averagePool(x, Window(3, stride: 2, padding: 1), countIncludePad: false)
    case "avg2": return b.averagePool(x, Window(2, stride: 2))
    default: return x
    }
  }

  // MARK: Blocks

  /// True for blocks of parallel branches that inference would merge into one convolution.
  private func isMergeable(_ b: GraphBuilder, _ name: String) -> Bool {
    b.state.contains("\(name).conv_kxk.conv.weight") || b.state.contains("\(name).conv_kxk.0.conv.weight")
  }

  private func block(
    _ b: inout GraphBuilder, _ x: GraphBuilder.Value, _ name: String, stride: Int
  ) throws -> GraphBuilder.Value {
    if isMergeable(b, name) {
      return b.activation(try gated(&b, branches(&b, x, name, stride: stride), "\(name).attn"), act)
    }
    let layers = ["conv1_1x1", "conv1_kxk", "conv2_kxk", "conv2_1x1", "conv2b_kxk", "conv3_1x1"].filter {
      b.state.contains("\(name).\($0).conv.weight")
    }
    // The first large kernel strides.
    let striding = layers.firstIndex { $0.hasSuffix("kxk") }
    var y = x
    for (index, layer) in layers.enumerated() {
      let isLast = index == layers.count - 1
      if isLast { y = try gated(&b, y, "\(name).attn") }
      let step = index == striding ? stride : 1
      let pools = step > 1 && row.has("pooled-strides")
      y = try b.unit(y, "\(name).\(layer)", stride: pools ? 1 : step, isLast ? .identity : act)
      if pools { y = b.averagePool(y, Window(step, stride: step)) }
    }
    y = try gated(&b, y, "\(name).attn_last")
    if let past = try shortcut(&b, x, name, stride: stride, outputs: y.channels) {
      y = try b.add(y, past, "\(name).\(layers.last ?? "conv").conv")
    }
    return row.has("linear") ? y : b.activation(y, act)
  }

  /// The sum of all branches: the convolutions of the full kernel, one of 1x1, and a BatchNorm of the map itself.
  private func branches(
    _ b: inout GraphBuilder, _ x: GraphBuilder.Value, _ name: String, stride: Int
  ) throws -> GraphBuilder.Value {
    let several = (0..<b.state.count("\(name).conv_kxk.", ".conv.weight")).map { "conv_kxk.\($0)" }
    let parts = (["conv_1x1", "conv_scale", "conv_kxk"] + several).filter {
      b.state.contains("\(name).\($0).conv.weight")
    }
    var sum: GraphBuilder.Value?
    if b.state.contains("\(name).identity.running_mean") { sum = try b.batchNorm(x, "\(name).identity") }
    for part in parts {
      let y = try b.unit(x, "\(name).\(part)", stride: stride, .identity)
      if let before = sum { sum = try b.add(y, before, "\(name).\(part).conv") } else { sum = y }
    }
    return sum ?? x
  }

  private func gated(
    _ b: inout GraphBuilder, _ x: GraphBuilder.Value, _ name: String
  ) throws -> GraphBuilder.Value {
    try b.channelGate(x, name, inner: row.has("gate-act") ? row.activation("gate-act") : .relu)
  }

  /// The block's input in the shape of its output; nil where nothing is added.
  private func shortcut(
    _ b: inout GraphBuilder, _ x: GraphBuilder.Value, _ name: String, stride: Int, outputs: Int
  ) throws -> GraphBuilder.Value? {
    if b.state.contains("\(name).shortcut.conv.weight") {
      return try b.unit(x, "\(name).shortcut", stride: stride, .identity)
    }
    if b.state.contains("\(name).shortcut.conv.conv.weight") {
      let pooled =
        stride == 1
        ? x : b.averagePool(x, Window(2, stride: stride, ceilMode: true), countIncludePad: false)
      return try b.unit(pooled, "\(name).shortcut.conv", .identity)
    }
    return stride == 1 && x.channels == outputs ? x : nil
  }

  // MARK: Head

  private func head(_ b: inout GraphBuilder, _ x: GraphBuilder.Value) throws -> GraphBuilder.Value {
    if row.has("pool-heads") { return try attentionPool(&b, x) }
    var y = b.globalAverage(x)
    if b.state.contains("head.norm.running_mean") { y = try b.batchNorm(y, "head.norm") }
    if b.state.contains("head.pre_logits.fc.weight") {
      y = b.activation(try b.linear(y, "head.pre_logits.fc"), act)
    }
    return try b.head(y, "head.fc")
  }

  /// Attention of the mean of all pixels to itself and to them, with position embeddings.
  private func attentionPool(
    _ b: inout GraphBuilder, _ x: GraphBuilder.Value
  ) throws -> GraphBuilder.Value {
    let positions = try b.require("head.pos_embed", shape: [nil, x.channels])
    let tokens = b.joinTokens([b.globalAverage(x), x])
    let places = b.append(
      "head.pos_embed", .parameter(positions.name, count: positions.shape[0]), [x], channels: x.channels)
    let y = try b.add(tokens, places, "head.pos_embed")
    let heads = row.integer("pool-heads")
    let q = try b.pointwise(b.tokens(y, 0..<1), "head.q")
    let (k, v) = (try b.pointwise(y, "head.k"), try b.pointwise(y, "head.v"))
    let scale = 1 / Float(q.channels / max(heads, 1)).squareRoot()
    let pooled = try b.attention(q, k, v, "head", CrossAttention(heads: heads, scale: scale))
    return try b.head(pooled, "head.proj")
  }
}
