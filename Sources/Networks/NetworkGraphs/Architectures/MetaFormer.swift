import Checkpoint

/// PoolFormer, PoolFormer V2, ConvFormer and CAFormer with the key names of timm.
///
/// Yu et al., "MetaFormer Is Actually What You Need for Vision" (2022) and "MetaFormer Baselines for Vision" (2022):
/// blocks whose tokens are mixed by pooling, by separable convolutions or by attention.
struct MetaFormer: TabulatedArchitecture {
  static let family = "metaformer"

  let published: Published

  func build(_ b: inout GraphBuilder) throws -> GraphBuilder.Value {
    var x = try b.convolution(b.input(), "stem.conv", kernel: 7, stride: 4, padding: .all(2))
    if b.state.contains("stem.norm.weight") { x = try norm(&b, x, "stem.norm", "downsample") }
    for (stage, count) in row.integers("blocks").enumerated() {
      let downsample = "stages.\(stage).downsample"
      if b.state.contains("\(downsample).norm.weight") {
        x = try norm(&b, x, "\(downsample).norm", "downsample")
      }
      if b.state.contains("\(downsample).conv.weight") {
        x = try b.convolution(x, "\(downsample).conv", kernel: 3, stride: 2)
      }
      for index in 0..<count { x = try block(&b, x, "stages.\(stage).blocks.\(index)") }
    }
    x = try norm(&b, b.globalAverage(x), "head.norm", "output")
    guard b.state.contains("head.fc.fc1.weight") else { return try b.head(x, "head.fc") }
    x = try b.pointwise(x, "head.fc.fc1")
    x = b.append("squared-relu", .function(.squaredRelu), [x], channels: x.channels)
    return try b.head(norm(&b, x, "head.fc.norm", "head"), "head.fc.fc2")
  }

  /// The norm of a part of the network: a LayerNorm, or a GroupNorm of a single group.
  private func norm(
    _ b: inout GraphBuilder, _ x: GraphBuilder.Value, _ name: String, _ part: String
  ) throws -> GraphBuilder.Value {
    let eps = row.real("\(part)-eps")
    return row.has("\(part)-group") ? try b.groupNorm(x, name, eps: eps) : try b.norm(x, name, eps: eps)
  }

  private func block(
    _ b: inout GraphBuilder, _ x: GraphBuilder.Value, _ name: String
  ) throws -> GraphBuilder.Value {
    var x = x
    for (number, part) in [(1, "token_mixer"), (2, "mlp")] {
      let own = "\(name).\(part)"
      var y = try norm(&b, x, "\(name).norm\(number)", "block")
      y = try number == 1 ? mixed(&b, y, own) : mlp(&b, y, own)
      if b.state.contains("\(name).layer_scale\(number).scale") {
        y = try b.layerScale(y, "\(name).layer_scale\(number).scale")
      }
      let scale = "\(name).res_scale\(number).scale"
      x = try b.add(y, b.state.contains(scale) ? b.layerScale(x, scale) : x, own)
    }
    return x
  }

  private func mixed(
    _ b: inout GraphBuilder, _ x: GraphBuilder.Value, _ name: String
  ) throws -> GraphBuilder.Value {
    if b.state.contains("\(name).qkv.weight") {
      let qkv = try b.pointwise(x, "\(name).qkv")
      let width = row.integer("head-width")
      let y = try b.attention(qkv, name, heads: qkv.channels / 3 / width)
      return try b.pointwise(y, "\(name).proj", outputs: x.channels)
    }
    if b.state.contains("\(name).pwconv1.weight") {
      var y = try b.starRelu(b.pointwise(x, "\(name).pwconv1"), "\(name).act1")
      y = try b.convolution(y, "\(name).dwconv", groups: .depthwise)
      return try b.pointwise(y, "\(name).pwconv2", outputs: x.channels)
    }
    let mean = b.averagePool(x, Window(3, padding: 1), countIncludePad: false)
    return try b.add(mean, b.scale(x, by: -1), name)
  }

  private func mlp(
    _ b: inout GraphBuilder, _ x: GraphBuilder.Value, _ name: String
  ) throws -> GraphBuilder.Value {
    var y = try b.pointwise(x, "\(name).fc1")
    let isStar = b.state.contains("\(name).act.scale")
    y = isStar ? try b.starRelu(y, "\(name).act") : b.activation(y, row.activation("act"))
    return try b.pointwise(y, "\(name).fc2", outputs: x.channels)
  }
}
