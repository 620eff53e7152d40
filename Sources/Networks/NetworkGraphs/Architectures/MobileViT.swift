/// MobileViT and MobileViT V2 with the key names of timm.
///
/// Mehta, Rastegari: "MobileViT: Light-weight, General-purpose, and Mobile-friendly Vision Transformer" (2022) and "Separable
/// Self-attention for Mobile Vision Transformers" (2022): pixels at the same place of small patches attend to each other.
struct MobileViT: TabulatedArchitecture {
  static let family = "mobilevit"

  let published: Published

  private var act: Activation { row.activation("act") }
  private var eps: Double { row.real("eps") }
  private var patch: Int { row.integer("patch") }

  func build(_ b: inout GraphBuilder) throws -> GraphBuilder.Value {
    // The last map must divide into patches; timm resamples maps that do not.
    b.patchSize = 32 * patch
    var x = try b.unit(b.input(), "stem", stride: 2, act)
    for (stage, stride) in row.integers("strides").enumerated() {
      var index = 0
      while case let name = "stages.\(stage).\(index)",
        ["conv1_1x1.conv", "conv_1x1"].contains(where: { b.state.contains("\(name).\($0).weight") })
      {
        x =
          b.state.contains("\(name).conv_1x1.weight")
          ? try mobile(&b, x, name) : try inverted(&b, x, name, stride: index == 0 ? stride : 1)
        index += 1
      }
    }
    if b.state.contains("final_conv.conv.weight") { x = try b.unit(x, "final_conv", act) }
    return try b.head(b.globalAverage(x), "head.fc")
  }

  private func inverted(
    _ b: inout GraphBuilder, _ x: GraphBuilder.Value, _ name: String, stride: Int
  ) throws -> GraphBuilder.Value {
    var y = try b.unit(x, "\(name).conv1_1x1", act)
    y = try b.unit(y, "\(name).conv2_kxk", stride: stride, act)
    y = try b.unit(y, "\(name).conv3_1x1", .identity)
    return stride == 1 && y.channels == x.channels ? try b.add(y, x, "\(name).conv3_1x1.conv") : y
  }

  private func mobile(
    _ b: inout GraphBuilder, _ x: GraphBuilder.Value, _ name: String
  ) throws -> GraphBuilder.Value {
    var y = try b.unit(x, "\(name).conv_kxk", act)
    y = try b.pointwise(y, "\(name).conv_1x1")
    let isLinear = b.state.contains("\(name).transformer.0.attn.qkv_proj.weight")
    for index in 0..<b.state.count("\(name).transformer.", ".mlp.fc1.weight") {
      let own = "\(name).transformer.\(index)"
      let start = try norm(&b, y, "\(own).norm1", isLinear: isLinear)
      let attended = try isLinear ? linear(&b, start, "\(own).attn") : attention(&b, start, "\(own).attn")
      y = try b.add(attended, y, "\(own).attn")
      var inner = try b.pointwise(norm(&b, y, "\(own).norm2", isLinear: isLinear), "\(own).mlp.fc1")
      inner = try b.pointwise(b.activation(inner, act), "\(own).mlp.fc2", outputs: y.channels)
      y = try b.add(inner, y, "\(own).mlp.fc2")
    }
    y = try norm(&b, y, "\(name).norm", isLinear: isLinear)
    y = try b.unit(y, "\(name).conv_proj", isLinear ? .identity : act)
    guard b.state.contains("\(name).conv_fusion.conv.weight") else { return y }
    return try b.unit(b.concatenate([x, y]), "\(name).conv_fusion", act)
  }

  private func norm(
    _ b: inout GraphBuilder, _ x: GraphBuilder.Value, _ name: String, isLinear: Bool
  ) throws -> GraphBuilder.Value {
    isLinear ? try b.groupNorm(x, name, eps: eps) : try b.norm(x, name, eps: eps)
  }

  /// Attention between pixels at the same place of their patches: patches are tokens with heads for every place.
  private func attention(
    _ b: inout GraphBuilder, _ x: GraphBuilder.Value, _ name: String
  ) throws -> GraphBuilder.Value {
    let heads = row.integer("heads")
    let (q, k, v) = b.thirds(try b.pointwise(x, "\(name).qkv", outputs: 3 * x.channels))
    let scale = 1 / Float(x.channels / heads).squareRoot()
    let y = try b.attention(
      b.spaceToDepth(q, side: patch), b.spaceToDepth(k, side: patch), b.spaceToDepth(v, side: patch), name,
      CrossAttention(heads: patch * patch * heads, scale: scale))
    return try b.pointwise(b.depthToSpace(y, side: patch), "\(name).proj", outputs: x.channels)
  }

  /// A sum of keys, weighted by the softmax of one score each, gates the values; for every place in the patches.
  private func linear(
    _ b: inout GraphBuilder, _ x: GraphBuilder.Value, _ name: String
  ) throws -> GraphBuilder.Value {
    let all = try b.pointwise(x, "\(name).qkv_proj", outputs: 2 * x.channels + 1)
    let scores = b.spaceToDepth(b.slice(all, 0..<1), side: patch)
    let keys = b.spaceToDepth(b.slice(all, 1..<x.channels + 1), side: patch)
    let values = b.activation(b.slice(all, x.channels + 1..<2 * x.channels + 1), .relu)
    // A query of 1 leaves the scores as they are.
    let query = b.ones(like: b.globalAverage(scores))
    let context = try b.attention(
      query, scores, keys, name, CrossAttention(heads: patch * patch, scale: 1))
    let gated = b.gate(b.spaceToDepth(values, side: patch), by: context)
    return try b.pointwise(b.depthToSpace(gated, side: patch), "\(name).out_proj", outputs: x.channels)
  }
}
