import Checkpoint

/// LowFormer with the key names of timm.
///
/// Nottebaum et al., "LowFormer: Hardware Efficient Design for Convolutional Transformer Backbones" (2025): mobile blocks,
/// and attention on maps that convolutions have reduced and transposed convolutions enlarge again.
struct LowFormer: TabulatedArchitecture {
  static let family = "lowformer"

  let published: Published

  private var act: Activation { row.activation("act") }
  private var eps: Double { row.real("eps") }

  func build(_ b: inout GraphBuilder) throws -> GraphBuilder.Value {
    var x = try unit(&b, b.input(), "stem.0", stride: 2, act)
    var index = 1
    while isLocal(b, "stem.\(index).main") {
      x = try b.add(local(&b, x, "stem.\(index).main", stride: 1), x, "stem.\(index).main")
      index += 1
    }
    for stage in 0..<row.integers("heads").count {
      index = 0
      while case let name = "stages.\(stage).\(index)",
        isLocal(b, "\(name).main") || isLocal(b, "\(name).local.main")
      {
        if isLocal(b, "\(name).main") {
          let y = try local(&b, x, "\(name).main", stride: index == 0 ? 2 : 1)
          x = index == 0 ? y : try b.add(y, x, "\(name).main.point_conv.conv")
        } else {
          x = try block(&b, x, name, heads: row.integers("heads")[stage])
        }
        index += 1
      }
    }
    x = b.globalAverage(try unit(&b, x, "in_conv", act))
    x = try b.norm(b.pointwise(x, "pre_classifier.0"), "pre_classifier.1", eps: eps)
    return try b.head(b.activation(x, act), "classifier")
  }

  private func isLocal(_ b: GraphBuilder, _ name: String) -> Bool {
    b.state.contains("\(name).point_conv.conv.weight")
  }

  private func block(
    _ b: inout GraphBuilder, _ x: GraphBuilder.Value, _ name: String, heads: Int
  ) throws -> GraphBuilder.Value {
    var x = x
    if b.state.contains("\(name).attn.main.0.weight") {
      let start = try b.groupNorm(x, "\(name).attn.main.0", eps: eps)
      x = try b.add(attention(&b, start, "\(name).attn.main.1", heads: heads), x, name)
    } else if b.state.contains("\(name).attn.main.pwise.weight") {
      x = try b.add(attention(&b, x, "\(name).attn.main", heads: heads), x, name)
    }
    if b.state.contains("\(name).mlp.main.0.weight") {
      var y = try b.pointwise(b.groupNorm(x, "\(name).mlp.main.0", eps: eps), "\(name).mlp.main.1")
      y = try b.pointwise(b.activation(y, .gelu), "\(name).mlp.main.3", outputs: x.channels)
      x = try b.add(y, x, "\(name).mlp.main.3")
    }
    return try b.add(local(&b, x, "\(name).local.main", stride: 1), x, name)
  }

  /// Convolutions one after the other, of which the last has no activation and the one larger than 1x1 strides.
  private func local(
    _ b: inout GraphBuilder, _ x: GraphBuilder.Value, _ name: String, stride: Int
  ) throws -> GraphBuilder.Value {
    let parts = ["inverted_conv", "spatial_conv", "depth_conv"].filter {
      b.state.contains("\(name).\($0).conv.weight")
    }
    var y = x
    for part in parts {
      y = try unit(&b, y, "\(name).\(part)", stride: part == "inverted_conv" ? 1 : stride, act)
    }
    return try unit(&b, y, "\(name).point_conv", .identity)
  }

  private func attention(
    _ b: inout GraphBuilder, _ x: GraphBuilder.Value, _ name: String, heads: Int
  ) throws -> GraphBuilder.Value {
    let kernel = b.state.shape("\(name).upsampling.weight")?.last ?? 1
    // A stride of 1 has a kernel of 3, others one of twice the stride.
    let stride = kernel == 3 ? 1 : kernel / 2
    var y = try unit(&b, x, "\(name).conv_proj", stride: stride, .identity)
    y = b.headsLast(try b.pointwise(y, "\(name).pwise"), heads: heads)
    y = try b.attention(y, name, heads: heads)
    let weight = try b.require(
      "\(name).upsampling.weight", shape: [y.channels, x.channels, kernel, kernel])
    let convolution = TransposedConvolution(
      weight: weight.name, bias: try b.require("\(name).upsampling.bias", shape: [x.channels]).name,
      window: Window(kernel, stride: stride, padding: max(1, stride / 2)),
      outputPadding: TransposedConvolution.Extent(rows: 0, columns: 0), groups: 1, inputChannels: y.channels,
      outputChannels: x.channels)
    let enlarged = b.append(
      "\(name).upsampling", .transposedConvolution(convolution), [y], channels: x.channels)
    // Maps that the stride does not divide have become larger.
    return b.joinWindows(enlarged, SpacedWindows(side: stride, margin: 0), like: x)
  }

  /// A convolution, its BatchNorm if it has one, and an activation.
  private func unit(
    _ b: inout GraphBuilder, _ x: GraphBuilder.Value, _ name: String, stride: Int = 1, _ act: Activation
  ) throws -> GraphBuilder.Value {
    var y = try b.convolution(x, "\(name).conv", stride: stride, groups: .fromShape)
    if b.state.contains("\(name).norm.running_mean") { y = try b.batchNorm(y, "\(name).norm") }
    return b.activation(y, act)
  }
}
