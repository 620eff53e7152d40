import Checkpoint

/// Vision transformers on the map of a convolutional network, with the key names of timm: the hybrids of the original paper,
/// MobileCLIP's, and ViTamin.
///
/// Dosovitskiy et al., "An Image is Worth 16x16 Words" (2021); Vasu et al., "MobileCLIP" (2024); Chen et al., "ViTamin:
/// Designing Scalable Vision Models in the Vision-Language Era" (2024).
struct HybridTransformer: TabulatedArchitecture {
  static let family = "vit-hybrid"

  let published: Published

  private var eps: Double { row.real("eps") }
  private var act: Activation { row.activation("act") }
  private var own: String { "patch_embed.backbone" }

  var pooling: String { row.text("pool") }

  func build(_ b: inout GraphBuilder) throws -> GraphBuilder.Value {
    b.patchSize = row.integer("patch")
    var x = b.input()
    switch row.text("backbone") {
    case "residual": x = try residual(&b, x)
    case "mobile": x = try mobile(&b, x)
    default: x = try stem(&b, x)
    }
    if let side = b.state.shape("patch_embed.proj.weight")?.last {
      x = try b.convolution(x, "patch_embed.proj", kernel: side, stride: side, padding: .all(0))
    }
    let prefix = ["cls_token"].filter { b.state.contains($0) }
    let embedded = row.has("embedded") ? prefix.count : 0
    let positions = b.state.shape("pos_embed").map { $0.count == 3 ? $0[1] - embedded : 0 }
    x = try b.embed(
      x, prefix: prefix, prefixCount: prefix.count, positions: positions.map { _ in "pos_embed" },
      embeddedPrefixCount: embedded, grid: Int(Double(max(positions ?? 0, 0)).squareRoot().rounded()),
      resampling: .antialiased)
    for index in 0..<b.state.count("blocks.", ".norm1.weight") { x = try block(&b, x, "blocks.\(index)") }
    if b.state.contains("norm.weight") { x = try b.norm(x, "norm", eps: eps) }
    x = row.text("pool") == "token" ? b.tokens(x, 0..<1) : b.globalAverage(x)
    if b.state.contains("fc_norm.weight") { x = try b.norm(x, "fc_norm", eps: eps) }
    return try b.head(x, "head")
  }

  private func block(
    _ b: inout GraphBuilder, _ x: GraphBuilder.Value, _ name: String
  ) throws -> GraphBuilder.Value {
    let qkv = try b.pointwise(
      b.norm(x, "\(name).norm1", eps: eps), "\(name).attn.qkv", outputs: 3 * x.channels)
    var y = try b.attention(qkv, "\(name).attn", heads: row.integer("heads"))
    let middle = try b.add(b.pointwise(y, "\(name).attn.proj", outputs: x.channels), x, "\(name).attn.proj")
    y = try b.norm(middle, "\(name).norm2", eps: eps)
    guard b.state.contains("\(name).mlp.w0.weight") else {
      y = b.activation(try b.pointwise(y, "\(name).mlp.fc1"), act)
      return try b.add(b.pointwise(y, "\(name).mlp.fc2", outputs: x.channels), middle, "\(name).mlp.fc2")
    }
    y = try b.norm(y, "\(name).mlp.norm", eps: eps)
    y = b.gated(try b.pointwise(y, "\(name).mlp.w0"), act, try b.pointwise(y, "\(name).mlp.w1"))
    return try b.add(b.pointwise(y, "\(name).mlp.w2", outputs: x.channels), middle, "\(name).mlp.w2")
  }

  // MARK: Backbones

  /// Patches by convolutions whose stride is their kernel.
  private func stem(_ b: inout GraphBuilder, _ x: GraphBuilder.Value) throws -> GraphBuilder.Value {
    var x = x
    for index in 0..<b.state.count("\(own).", ".conv.weight") {
      let name = "\(own).\(index)"
      let side = b.state.shape("\(name).conv.weight")?.last ?? 2
      x = try b.convolution(x, "\(name).conv", kernel: side, stride: side, padding: .all(0))
      if b.state.contains("\(name).bn.running_mean") {
        x = b.activation(try b.batchNorm(x, "\(name).bn"), act)
      }
    }
    return x
  }

  /// The first stages of a ResNet with standardized weights and GroupNorms.
  private func residual(_ b: inout GraphBuilder, _ x: GraphBuilder.Value) throws -> GraphBuilder.Value {
    let stem = b.state.contains("\(own).stem.conv.weight") ? "\(own).stem" : own
    var x = try layer(&b, x, "\(stem).conv", "\(stem).norm", stride: 2, .relu)
    x = b.maxPool(x, Window(kernel: (3, 3), stride: (2, 2), padding: .same))
    var stage = 0
    while b.state.isConvolution("\(own).stages.\(stage).blocks.0.conv1.weight") {
      for index in 0..<b.state.count("\(own).stages.\(stage).blocks.", ".conv1.weight") {
        let name = "\(own).stages.\(stage).blocks.\(index)"
        let stride = stage > 0 && index == 0 ? 2 : 1
        var y = try layer(&b, x, "\(name).conv1", "\(name).norm1", .relu)
        y = try layer(&b, y, "\(name).conv2", "\(name).norm2", stride: stride, .relu)
        y = try layer(&b, y, "\(name).conv3", "\(name).norm3", .identity)
        let downsample = "\(name).downsample"
        if b.state.contains("\(downsample).conv.weight") {
          x = try layer(&b, x, "\(downsample).conv", "\(downsample).norm", stride: stride, .identity)
        }
        x = b.activation(try b.add(y, x, "\(name).conv3"), .relu)
      }
      stage += 1
    }
    return x
  }

  private func layer(
    _ b: inout GraphBuilder, _ x: GraphBuilder.Value, _ convolution: String, _ norm: String, stride: Int = 1,
    _ activation: Activation
  ) throws -> GraphBuilder.Value {
    let standardization = WeightStandardization(gain: nil, scale: 1, eps: Float(row.real("standardized")))
    let y = try b.convolution(
      x, convolution, stride: stride, padding: .same, standardization: standardization)
    return b.activation(
      try b.groupNorm(y, norm, groups: row.integer("groups"), eps: row.real("conv-eps")), activation)
  }

  /// Stages of mobile blocks with LayerNorms.
  private func mobile(_ b: inout GraphBuilder, _ x: GraphBuilder.Value) throws -> GraphBuilder.Value {
    let eps = row.real("conv-eps")
    var x = try b.convolution(x, "\(own).stem.conv1", kernel: 3, stride: 2)
    x = b.activation(try b.norm(x, "\(own).stem.norm1", eps: eps), .gelu)
    x = try b.convolution(x, "\(own).stem.conv2", kernel: 3)
    for stage in 0..<2 {
      for index in 0..<b.state.count("\(own).stages.\(stage).", ".conv1_1x1.weight") {
        let name = "\(own).stages.\(stage).\(index)"
        let stride = index == 0 ? 2 : 1
        var shortcut = x
        if stride == 2 {
          shortcut = b.averagePool(x, Window(3, stride: 2, padding: 1), countIncludePad: false)
        }
        if b.state.contains("\(name).shortcut.expand.weight") {
          shortcut = try b.pointwise(shortcut, "\(name).shortcut.expand")
        }
        var y = try b.pointwise(b.norm(x, "\(name).pre_norm", eps: eps), "\(name).conv1_1x1")
        y = try b.convolution(
          b.activation(y, .gelu), "\(name).conv2_kxk", kernel: 3, stride: stride, groups: .depthwise)
        y = try b.pointwise(b.activation(y, .gelu), "\(name).conv3_1x1")
        x = try b.add(y, shortcut, "\(name).conv3_1x1")
      }
    }
    x = try b.norm(x, "\(own).pool.norm", eps: eps)
    return try b.convolution(x, "\(own).pool.proj", kernel: 3, stride: 2)
  }
}
