import Checkpoint

/// Dual attention vision transformers with the key names of timm, Florence-2's image encoders among them.
///
/// Ding et al., "DaViT: Dual Attention Vision Transformers" (2022): attention in windows and attention between channels in
/// turn, each between convolutions that encode positions.
struct DaViT: TabulatedArchitecture {
  static let family = "davit"

  let published: Published

  private var eps: Double { row.real("eps") }

  func build(_ b: inout GraphBuilder) throws -> GraphBuilder.Value {
    // timm fills up other maps before they shrink.
    b.patchSize = 32
    var x = try b.convolution(b.input(), "stem.conv", kernel: 7, stride: 4)
    x = try b.norm(x, "stem.norm", eps: eps)
    let heads = row.integers("heads")
    for (stage, count) in row.integers("blocks").enumerated() {
      let downsample = "stages.\(stage).downsample"
      if b.state.contains("\(downsample).conv.weight") {
        let kernel = b.state.shape("\(downsample).conv.weight")?.last ?? 2
        x = try b.norm(x, "\(downsample).norm", eps: eps)
        x = try b.convolution(
          x, "\(downsample).conv", kernel: kernel, stride: 2, padding: .all(kernel % 2 == 0 ? 0 : kernel / 2))
      }
      for index in 0..<count {
        let name = "stages.\(stage).blocks.\(index)"
        let hasNames = b.state.contains("\(name).spatial_block.norm1.weight")
        let (spatial, channel) = hasNames ? ("spatial_block", "channel_block") : ("0", "1")
        x = try block(&b, x, "\(name).\(spatial)", heads: heads[stage], isSpatial: true)
        x = try block(&b, x, "\(name).\(channel)", heads: heads[stage], isSpatial: false)
      }
    }
    return try b.head(b.norm(b.globalAverage(x), "head.norm", eps: eps), "head.fc")
  }

  private func position(
    _ b: inout GraphBuilder, _ x: GraphBuilder.Value, _ name: String
  ) throws -> GraphBuilder.Value {
    try b.add(b.convolution(x, "\(name).proj", kernel: 3, groups: .depthwise), x, "\(name).proj")
  }

  private func block(
    _ b: inout GraphBuilder, _ x: GraphBuilder.Value, _ name: String, heads: Int, isSpatial: Bool
  ) throws -> GraphBuilder.Value {
    let own = "\(name).attn"
    let start = try position(&b, x, "\(name).cpe1")
    let qkv = try b.pointwise(b.norm(start, "\(name).norm1", eps: eps), "\(own).qkv", outputs: 3 * x.channels)
    var y = try isSpatial ? windows(&b, qkv, own, heads: heads) : channels(&b, qkv, own, heads: heads)
    y = try b.add(b.pointwise(y, "\(own).proj", outputs: x.channels), start, "\(own).proj")
    let middle = try position(&b, y, "\(name).cpe2")
    y = try b.pointwise(b.norm(middle, "\(name).norm2", eps: eps), "\(name).mlp.fc1")
    y = try b.pointwise(b.activation(y, .gelu), "\(name).mlp.fc2", outputs: x.channels)
    return try b.add(y, middle, "\(name).mlp.fc2")
  }

  private func windows(
    _ b: inout GraphBuilder, _ qkv: GraphBuilder.Value, _ name: String, heads: Int
  ) throws -> GraphBuilder.Value {
    let bias = "\(name).qkv.bias"
    return try b.attention(
      qkv, name,
      Attention(
        heads: heads, scores: .scaled,
        windows: AttentionWindows(
          side: row.integer("window"), shift: 0, bias: .zero,
          fillingBias: b.state.contains(bias) ? .tensor(TensorName(bias)) : nil, filling: .afterShift,
          shrinks: false)))
  }

  private func channels(
    _ b: inout GraphBuilder, _ qkv: GraphBuilder.Value, _ name: String, heads: Int
  ) throws -> GraphBuilder.Value {
    if row.has("v2") { return try b.crossCovariance(qkv, name, heads: heads, factor: .tokens) }
    // In the first version keys and values make the scores, and queries are averaged.
    let (q, k, v) = b.thirds(qkv)
    let width = q.channels / max(heads, 1)
    return try b.crossCovariance(
      b.concatenate([k, v, q]), name, heads: heads, factor: .constant(1 / Float(width).squareRoot()))
  }
}
