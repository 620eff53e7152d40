/// Mobile networks with the key names of timm's block builder, of published sizes whose strides, activations and gates no
/// key shows: MobileNetV1 and V4, LCNet, FBNetV3, MixNet, TinyNet, EdgeTPU, EfficientNet-X and others.
///
/// Howard et al., "MobileNets" (2017); Qin et al., "MobileNetV4" (2024); Cui et al., "PP-LCNet" (2021); Dai et al.,
/// "FBNetV3" (2020); Tan, Le, "MixConv" (2019); Han et al., "Model Rubik's Cube" (2020).
struct MobileNetwork: TabulatedArchitecture {
  static let family = "mobilenet"

  let published: Published

  /// The settings of a block that no key shows: its stride, then `s` for a shortcut, `p` for an activation at its end, `r` for ReLU
  /// or `o` for another one in place of the network's activation.
  private struct Block {
    let stride: Int
    let skips: Bool
    let endsActive: Bool
    let act: Activation

    init(_ code: Substring, _ row: PublishedTable.Row) {
      stride = Int(code.prefix { $0.isNumber }) ?? 1
      skips = code.contains("s")
      endsActive = code.contains("p")
      act =
        code.contains("r")
        ? .relu : row.activation(code.contains("o") ? "other-act" : "act")
    }
  }

  func build(_ b: inout GraphBuilder) throws -> GraphBuilder.Value {
    b.eps = row.real("eps")
    if row.has("momentum") { b.momentum = row.real("momentum") }
    if row.has("same") { b.defaultPadding = .same }
    b.norms = ConvolutionNorms(evolvedIn: row)
    let act = row.activation("act")
    var x = try layer(&b, b.input(), "conv_stem", "bn1", stride: 2, act, smooths: false)
    for (stage, codes) in row.text("blocks").split(separator: "/").enumerated() {
      for (index, code) in codes.split(separator: ",").enumerated() {
        x = try block(&b, x, "blocks.\(stage).\(index)", Block(code, row))
      }
    }
    if b.state.contains("bn2.weight") {
      x = b.globalAverage(try layer(&b, x, "conv_head", "bn2", act))
    } else {
      x = b.globalAverage(x)
      if b.state.contains("conv_head.weight") {
        x = try b.convolution(x, "conv_head", kernel: 1)
        if b.state.contains("norm_head.running_mean") { x = try b.batchNorm(x, "norm_head") }
        x = b.activation(x, act)
      }
    }
    return try b.head(x, "classifier")
  }

  // MARK: Blocks

  private func block(
    _ b: inout GraphBuilder, _ x: GraphBuilder.Value, _ name: String, _ block: Block
  ) throws -> GraphBuilder.Value {
    func has(_ layer: String) -> Bool {
      b.state.contains("\(name).\(layer).weight") || b.state.contains("\(name).\(layer).0.weight")
    }
    let y: GraphBuilder.Value
    let last: String
    if has("pw_proj.conv") {
      last = "\(name).pw_proj.conv"
      y = try universal(&b, x, name, block)
    } else if has("norm") {
      last = "\(name).norm"
      y = try attention(&b, x, name)
    } else if has("conv_exp") {
      last = "\(name).conv_pwl"
      let wide = try layer(
        &b, x, "\(name).conv_exp", "\(name).bn1", stride: block.stride, groups: .fromShape, block.act)
      y = try layer(&b, gated(&b, wide, name, block), last, "\(name).bn2", .identity)
    } else if has("conv_dw") {
      var start = x
      if has("conv_s2d") {
        start = try layer(&b, x, "\(name).conv_s2d", "\(name).bn_s2d", stride: 2, block.act, smooths: false)
      }
      let isInverted = has("conv_pwl")
      if isInverted { start = try layer(&b, start, "\(name).conv_pw", "\(name).bn1", block.act) }
      last = isInverted ? "\(name).conv_pwl" : "\(name).conv_pw"
      let wide = try layer(
        &b, start, "\(name).conv_dw", isInverted ? "\(name).bn2" : "\(name).bn1", stride: block.stride,
        groups: .fromShape, block.act)
      y = try layer(
        &b, gated(&b, wide, name, block), last, isInverted ? "\(name).bn3" : "\(name).bn2",
        block.endsActive ? block.act : .identity)
    } else {
      last = "\(name).conv"
      y = try layer(&b, x, last, "\(name).bn1", stride: block.stride, groups: .fromShape, block.act)
    }
    return block.skips ? try b.add(y, x, last) : y
  }

  /// MobileNetV4's inverted residual with depthwise convolutions at its start, in its middle and at its end, as far as
  /// it has them; the middle one strides, else the first.
  private func universal(
    _ b: inout GraphBuilder, _ x: GraphBuilder.Value, _ name: String, _ block: Block
  ) throws -> GraphBuilder.Value {
    func has(_ layer: String) -> Bool { b.state.contains("\(name).\(layer).conv.weight") }
    let (starts, mixes) = (has("dw_start"), has("dw_mid"))
    var y = x
    if starts {
      y = try layer(
        &b, y, "\(name).dw_start.conv", "\(name).dw_start.bn", stride: mixes ? 1 : block.stride,
        groups: .fromShape, .identity)
    }
    y = try layer(&b, y, "\(name).pw_exp.conv", "\(name).pw_exp.bn", block.act)
    if mixes {
      y = try layer(
        &b, y, "\(name).dw_mid.conv", "\(name).dw_mid.bn", stride: block.stride, groups: .fromShape, block.act
      )
    }
    y = try layer(
      &b, gated(&b, y, name, block), "\(name).pw_proj.conv", "\(name).pw_proj.bn", .identity)
    if has("dw_end") {
      y = try layer(
        &b, y, "\(name).dw_end.conv", "\(name).dw_end.bn", stride: starts || mixes ? 1 : block.stride,
        groups: .fromShape, .identity)
    }
    return try scaled(&b, y, name)
  }

  /// Attention of all pixels to all, or of several heads of queries to one of keys and values, which may come from a
  /// smaller map.
  private func attention(
    _ b: inout GraphBuilder, _ x: GraphBuilder.Value, _ name: String
  ) throws -> GraphBuilder.Value {
    let start = try b.batchNorm(x, "\(name).norm")
    let layers = "\(name).attn"
    if b.state.contains("\(layers).qkv.weight") {
      let y = try b.attention(b.pointwise(start, "\(layers).qkv"), layers, heads: row.integer("heads"))
      return try scaled(&b, b.pointwise(y, "\(layers).proj"), name)
    }
    func projected(_ part: String) throws -> GraphBuilder.Value {
      var y = start
      if b.state.contains("\(layers).\(part).down_conv.weight") {
        y = try b.convolutionNorm(
          y, "\(layers).\(part).down_conv", "\(layers).\(part).norm", stride: row.integer("key-stride"),
          groups: .depthwise, .identity)
      }
      return try b.pointwise(y, "\(layers).\(part).proj")
    }
    let (q, k, v) = (try projected("query"), try projected("key"), try projected("value"))
    let attention = CrossAttention(
      heads: q.channels / k.channels, keyHeads: 1, scale: 1 / Float(k.channels).squareRoot())
    let y = try b.attention(q, k, v, layers, attention)
    return try scaled(&b, b.pointwise(y, "\(layers).output.proj"), name)
  }

  // MARK: Parts of blocks

  private func scaled(
    _ b: inout GraphBuilder, _ x: GraphBuilder.Value, _ name: String
  ) throws -> GraphBuilder.Value {
    let key = "\(name).layer_scale.gamma"
    return b.state.contains(key) ? try b.layerScale(x, key) : x
  }

  private func gated(
    _ b: inout GraphBuilder, _ x: GraphBuilder.Value, _ name: String, _ block: Block
  ) throws -> GraphBuilder.Value {
    guard b.state.contains("\(name).se.conv_reduce.weight") else { return x }
    return try b.squeezeExcite(
      x, "\(name).se.conv_reduce", "\(name).se.conv_expand",
      row.has("gate-act") ? row.activation("gate-act") : block.act, gate: row.activation("gate"))
  }

  /// A convolution, its norm and activation; means or a blur take the place of a stride in some
  /// networks.
  private func layer(
    _ b: inout GraphBuilder, _ x: GraphBuilder.Value, _ convolution: String, _ norm: String, stride: Int = 1,
    groups: GraphBuilder.Groups = .one, _ act: Activation, smooths: Bool = true
  ) throws -> GraphBuilder.Value {
    let isSmoothed = smooths && stride > 1 && row.has("aa")
    var y = try self.convolution(&b, x, convolution, stride: isSmoothed ? 1 : stride, groups: groups)
    if row.has("group-size") {
      y = try b.groupNorm(y, norm, groups: y.channels / max(row.integer("group-size"), 1), eps: b.eps)
      y = b.activation(y, act)
    } else if row.has("layer-norms") {
      y = b.activation(try b.norm(y, norm, eps: b.eps), act)
    } else {
      y = try b.normalized(y, norm, act)
    }
    guard isSmoothed else { return y }
    return row.text("aa") == "mean"
      ? b.averagePool(y, Window(stride, stride: stride))
      : b.blurPool(y, stride: stride, mirrors: row.text("aa") == "blur")
  }

  /// A convolution, or several with kernels of different sizes, each on a range of the channels (MixNet).
  private func convolution(
    _ b: inout GraphBuilder, _ x: GraphBuilder.Value, _ name: String, stride: Int, groups: GraphBuilder.Groups
  ) throws -> GraphBuilder.Value {
    let parts = b.state.count("\(name).", ".weight")
    guard parts > 0 else {
      // Kernels of even size follow a rearrangement of blocks of pixels, and fill the map up.
      let isEven = (b.state.shape("\(name).weight")?.last ?? 1) % 2 == 0
      return try b.convolution(x, name, stride: stride, padding: isEven ? .same : nil, groups: groups)
    }
    let width = x.channels / parts
    var first = 0
    var results: [GraphBuilder.Value] = []
    for index in 0..<parts {
      // The first takes what the division leaves over.
      let count = index == 0 ? x.channels - width * (parts - 1) : width
      let part = b.slice(x, first..<first + count)
      results.append(try b.convolution(part, "\(name).\(index)", stride: stride, groups: groups))
      first += count
    }
    return b.concatenate(results)
  }
}
