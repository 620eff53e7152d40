import Checkpoint

/// EfficientFormer with the key names of timm.
///
/// Li et al., "EfficientFormer: Vision Transformers at MobileNet Speed" (2022): blocks that pool, and in the end blocks of
/// attention.
struct EfficientFormer: TabulatedArchitecture {
  static let family = "efficientformer"

  let published: Published

  private var eps: Double { row.real("eps") }

  func build(_ b: inout GraphBuilder) throws -> GraphBuilder.Value {
    b.onlySize = 32 * row.integer("side")
    var x = try b.convolutionNorm(b.input(), "stem.conv1", "stem.norm1", kernel: 3, stride: 2, .relu)
    x = try b.convolutionNorm(x, "stem.conv2", "stem.norm2", kernel: 3, stride: 2, .relu)
    for (stage, count) in row.integers("blocks").enumerated() {
      let downsample = "stages.\(stage).downsample"
      if b.state.contains("\(downsample).conv.weight") {
        x = try b.convolutionNorm(x, "\(downsample).conv", "\(downsample).norm", stride: 2, .identity)
      }
      // A step that flattens the map has a number, too, and no tensors.
      for name in (0..<count).map({ "stages.\(stage).blocks.\($0)" })
      where b.state.contains("\(name).mlp.fc1.weight") {
        let isAttention = b.state.contains("\(name).token_mixer.qkv.weight")
        x = isAttention ? try transformer(&b, x, name) : try pooling(&b, x, name)
      }
    }
    x = b.globalAverage(try b.norm(x, "norm", eps: eps))
    let supervised = try b.head(x, "head")
    let distilled = try b.head(x, "head_dist")
    return b.scale(try b.add(supervised, distilled, "head_dist"), by: 0.5)
  }

  private func pooling(
    _ b: inout GraphBuilder, _ x: GraphBuilder.Value, _ name: String
  ) throws -> GraphBuilder.Value {
    let mean = b.averagePool(x, Window(3, padding: 1), countIncludePad: false)
    let mixed = try b.add(mean, b.scale(x, by: -1), name)
    let middle = try b.add(b.layerScale(mixed, "\(name).ls1.gamma"), x, name)
    var y = try b.convolutionNorm(middle, "\(name).mlp.fc1", "\(name).mlp.norm1", kernel: 1, .gelu)
    y = try b.convolutionNorm(y, "\(name).mlp.fc2", "\(name).mlp.norm2", kernel: 1, .identity)
    return try b.add(b.layerScale(y, "\(name).ls2.gamma"), middle, "\(name).mlp.fc2")
  }

  private func transformer(
    _ b: inout GraphBuilder, _ x: GraphBuilder.Value, _ name: String
  ) throws -> GraphBuilder.Value {
    let attended = try attention(&b, b.norm(x, "\(name).norm1", eps: eps), "\(name).token_mixer")
    let middle = try b.add(b.layerScale(attended, "\(name).ls1.gamma"), x, "\(name).token_mixer.proj")
    var y = try b.pointwise(b.norm(middle, "\(name).norm2", eps: eps), "\(name).mlp.fc1")
    y = try b.pointwise(b.activation(y, .gelu), "\(name).mlp.fc2", outputs: x.channels)
    return try b.add(b.layerScale(y, "\(name).ls2.gamma"), middle, "\(name).mlp.fc2")
  }

  private func attention(
    _ b: inout GraphBuilder, _ x: GraphBuilder.Value, _ name: String
  ) throws -> GraphBuilder.Value {
    let (side, width) = (row.integer("side"), row.integer("key-width"))
    let table = try b.require("\(name).attention_biases", shape: [nil, side * side])
    let heads = table.shape[0]
    let qkv = try b.pointwise(x, "\(name).qkv")
    let parts = b.headParts(qkv, heads: heads, widths: [width, width, qkv.channels / heads - 2 * width])
    let bias = PositionBias(kind: .absoluteDistances(table.name), rows: side, columns: side)
    let y = try b.attention(
      parts[0], parts[1], parts[2], name,
      CrossAttention(heads: heads, scale: 1 / Float(width).squareRoot(), bias: bias))
    return try b.pointwise(y, "\(name).proj", outputs: x.channels)
  }
}
