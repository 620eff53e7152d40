import Checkpoint

/// EfficientFormer V2 with the key names of timm.
///
/// Li et al., "Rethinking Vision Transformers for MobileNet Size and Speed" (2023): mobile blocks, and in the last stages
/// attention whose heads talk to each other, on half as large a map in the first of them.
struct EfficientFormerV2: TabulatedArchitecture {
  static let family = "efficientformerv2"

  let published: Published

  private var act: Activation { row.activation("act") }

  func build(_ b: inout GraphBuilder) throws -> GraphBuilder.Value {
    let size = row.integer("only")
    b.onlySize = size
    b.eps = row.real("eps")
    var x = try b.unit(b.input(), "stem.conv1", stride: 2, act)
    x = try b.unit(x, "stem.conv2", stride: 2, act)
    for (stage, count) in row.integers("blocks").enumerated() {
      let downsample = "stages.\(stage).downsample"
      let side = size >> (stage + 2)
      if b.state.contains("\(downsample).conv.conv.weight") {
        var y = try b.unit(x, "\(downsample).conv", stride: 2, .identity)
        if b.state.contains("\(downsample).attn.attention_biases") {
          y = try b.add(shrinking(&b, x, "\(downsample).attn", side: 2 * side), y, downsample)
        }
        x = y
      }
      for index in 0..<count { x = try block(&b, x, "stages.\(stage).blocks.\(index)", side: side) }
    }
    x = b.globalAverage(try b.batchNorm(x, "norm"))
    let supervised = try b.head(x, "head")
    guard b.state.contains("head_dist.weight") else { return supervised }
    return b.scale(try b.add(supervised, b.head(x, "head_dist"), "head_dist"), by: 0.5)
  }

  private func block(
    _ b: inout GraphBuilder, _ x: GraphBuilder.Value, _ name: String, side: Int
  ) throws -> GraphBuilder.Value {
    var x = x
    if b.state.contains("\(name).token_mixer.attention_biases") {
      let y = try attention(&b, x, "\(name).token_mixer", side: side)
      x = try b.add(b.layerScale(y, "\(name).ls1.gamma"), x, "\(name).token_mixer.proj.conv")
    }
    var y = try b.unit(x, "\(name).mlp.fc1", act)
    y = try b.unit(b.unit(y, "\(name).mlp.mid", act), "\(name).mlp.fc2", .identity)
    return try b.add(b.layerScale(y, "\(name).ls2.gamma"), x, "\(name).mlp.fc2.conv")
  }

  /// The table of numbers by absolute distances on a map of `side` times `side` pixels, and the number of heads.
  private func distances(
    _ b: inout GraphBuilder, _ name: String, side: Int, stride: Int
  ) throws -> (bias: PositionBias, heads: Int) {
    let table = try b.require("\(name).attention_biases", shape: [nil, side * side])
    let bias = PositionBias(
      kind: .absoluteDistances(table.name), rows: side, columns: side, stride: stride)
    return (bias, table.shape[0])
  }

  private func attention(
    _ b: inout GraphBuilder, _ x: GraphBuilder.Value, _ name: String, side: Int
  ) throws -> GraphBuilder.Value {
    var start = x
    let isCoarse = b.state.contains("\(name).stride_conv.conv.weight")
    if isCoarse { start = try b.unit(x, "\(name).stride_conv", stride: 2, .identity) }
    let (bias, heads) = try distances(&b, name, side: isCoarse ? side / 2 : side, stride: 1)
    let q = try b.unit(start, "\(name).q", .identity)
    let k = try b.unit(start, "\(name).k", .identity)
    let v = try b.unit(start, "\(name).v", .identity)
    let talking = (
      before: try mixing(&b, "\(name).talking_head1", heads: heads),
      after: try mixing(&b, "\(name).talking_head2", heads: heads)
    )
    var attention = CrossAttention(
      heads: heads, scale: 1 / Float(q.channels / heads).squareRoot(), bias: bias, talking: talking)
    attention.mixesBias = true
    var y = try b.attention(q, k, v, name, attention)
    y = try b.add(y, b.unit(v, "\(name).v_local", .identity), "\(name).v_local.conv")
    if isCoarse { y = enlarged(&b, y) }
    return try b.unit(b.activation(y, act), "\(name).proj", .identity)
  }

  private func mixing(_ b: inout GraphBuilder, _ name: String, heads: Int) throws -> HeadMixing {
    HeadMixing(
      weight: try b.require("\(name).weight", shape: [heads, heads, 1, 1]).name,
      bias: try b.require("\(name).bias", shape: [heads]).name)
  }

  /// The map at twice its size, with bilinear weights of 3/4 and 1/4.
  private func enlarged(_ b: inout GraphBuilder, _ x: GraphBuilder.Value) -> GraphBuilder.Value {
    let blocks = b.append("enlarge", .enlarge(rows: 2, columns: 2), [x], channels: x.channels)
    let margins = Margins(top: 1, left: 1, bottom: 1, right: 1, filling: .edge)
    let padded = b.append("edge", .pad(margins), [blocks], channels: x.channels)
    // Two means of two neighbors weigh three by 1, 2 and 1.
    return b.averagePool(b.averagePool(padded, Window(2)), Window(2))
  }

  /// Attention of every other pixel along both axes to all.
  private func shrinking(
    _ b: inout GraphBuilder, _ x: GraphBuilder.Value, _ name: String, side: Int
  ) throws -> GraphBuilder.Value {
    let (bias, heads) = try distances(&b, name, side: side, stride: 2)
    let near = try b.convolution(x, "\(name).q.local", kernel: 3, stride: 2, groups: .depthwise)
    let sum = try b.add(near, b.maxPool(x, Window(1, stride: 2)), "\(name).q.local")
    let q = try b.unit(sum, "\(name).q.proj", .identity)
    let k = try b.unit(x, "\(name).k", .identity)
    let v = try b.unit(x, "\(name).v", .identity)
    var y = try b.attention(
      q, k, v, name,
      CrossAttention(heads: heads, scale: 1 / Float(q.channels / heads).squareRoot(), bias: bias))
    y = try b.add(y, b.unit(v, "\(name).v_local", stride: 2, .identity), "\(name).v_local.conv")
    return try b.unit(b.activation(y, act), "\(name).proj", .identity)
  }
}
