import Checkpoint

/// MaxViT with the key names of torchvision.
///
/// Tu et al., "MaxViT: Multi-Axis Vision Transformer" (2022). Scores are divided by the square root of all channels instead
/// of a head's.
struct MaxViTTorchvision: TabulatedArchitecture {
  static let family = "maxvit-torchvision"

  let published: Published

  private var eps: Double { row.real("eps") }

  func build(_ b: inout GraphBuilder) throws -> GraphBuilder.Value {
    b.onlySize = row.integer("only")
    (b.eps, b.momentum) = (row.real("conv-eps"), row.real("momentum"))
    var x = try b.convolutionNorm(b.input(), "stem.0.0", "stem.0.1", kernel: 3, stride: 2, .gelu)
    x = try b.convolution(x, "stem.1.0", kernel: 3)
    for (stage, count) in row.integers("blocks").enumerated() {
      for index in 0..<count {
        let name = "blocks.\(stage).layers.\(index).layers"
        x = try mobile(&b, x, "\(name).MBconv", stride: index == 0 ? 2 : 1)
        x = try partitioned(&b, x, "\(name).window_attention", .windows)
        x = try partitioned(&b, x, "\(name).grid_attention", .grid)
      }
    }
    x = try b.pointwise(b.norm(b.globalAverage(x), "classifier.2", eps: eps), "classifier.3")
    return try b.head(b.append("tanh", .function(.tanh), [x], channels: x.channels), "classifier.5")
  }

  private func mobile(
    _ b: inout GraphBuilder, _ x: GraphBuilder.Value, _ name: String, stride: Int
  ) throws -> GraphBuilder.Value {
    let own = "\(name).layers"
    var shortcut = x
    if stride == 2 { shortcut = b.averagePool(x, Window(3, stride: 2, padding: 1)) }
    if let layer = ["\(name).proj.0", "\(name).proj.1"].first(where: { b.state.contains("\($0).weight") }) {
      shortcut = try b.pointwise(shortcut, layer)
    }
    var y = try b.batchNorm(x, "\(own).pre_norm")
    y = try b.pair(y, "\(own).conv_a", .gelu)
    y = try b.pair(y, "\(own).conv_b", stride: stride, .gelu)
    y = try b.squeezeExcite(
      y, "\(own).squeeze_excitation.fc1", "\(own).squeeze_excitation.fc2", .silu, gate: .sigmoid)
    return try b.add(b.pointwise(y, "\(own).conv_c"), shortcut, "\(own).conv_c")
  }

  private func partitioned(
    _ b: inout GraphBuilder, _ x: GraphBuilder.Value, _ name: String,
    _ arrangement: AttentionWindows.Arrangement
  ) throws -> GraphBuilder.Value {
    let (own, side, channels) = ("\(name).attn_layer.1", row.integer("window"), x.channels)
    let extent = 2 * side - 1
    let table = try b.require("\(own).relative_position_bias_table", shape: [extent * extent, nil])
    let heads = table.shape[1]
    var qkv = try b.pointwise(
      b.norm(x, "\(name).attn_layer.0", eps: eps), "\(own).to_qkv", outputs: 3 * channels)
    // The factor of keys makes up for the division by the square root of a head's channels.
    let factors =
      Array(repeating: Float(1), count: channels)
      + Array(repeating: 1 / Float(heads).squareRoot(), count: channels)
      + Array(repeating: Float(1), count: channels)
    qkv = b.append(
      "keys", .affine(ChannelFactors(scale: .constants(factors), shift: nil)), [qkv], channels: 3 * channels)
    var y = try b.attention(
      qkv, own,
      Attention(
        heads: heads, scores: .scaled,
        windows: AttentionWindows(
          side: side, shift: 0, bias: .table(table.name), fillingBias: nil, filling: .afterShift,
          shrinks: false, arrangement: arrangement)))
    let middle = try b.add(b.pointwise(y, "\(own).merge", outputs: channels), x, "\(own).merge")
    y = try b.pointwise(b.norm(middle, "\(name).mlp_layer.0", eps: eps), "\(name).mlp_layer.1")
    y = try b.pointwise(b.activation(y, .gelu), "\(name).mlp_layer.3", outputs: channels)
    return try b.add(y, middle, "\(name).mlp_layer.3")
  }
}
