/// Next-ViT with the key names of timm, before its BatchNorms are merged.
///
/// Li et al., "Next-ViT: Next Generation Vision Transformer for Efficient Deployment in Realistic Industrial Scenarios"
/// (2022): blocks of grouped convolutions, and blocks that combine them with attention to means of pixels.
struct NextViT: TabulatedArchitecture {
  static let family = "nextvit"

  let published: Published

  private var act: Activation { row.activation("act") }

  func build(_ b: inout GraphBuilder) throws -> GraphBuilder.Value {
    b.eps = row.real("eps")
    var x = b.input()
    for (index, stride) in row.integers("stem").enumerated() {
      x = try b.unit(x, "stem.\(index)", stride: stride, norm: "norm", act)
    }
    let pools = row.integers("pools")
    for (stage, stride) in row.integers("strides").enumerated() {
      for index in 0..<b.state.count("stages.\(stage).blocks.", ".mlp.fc1.weight") {
        let name = "stages.\(stage).blocks.\(index)"
        x = try patches(&b, x, "\(name).patch_embed", stride: index == 0 ? stride : 1)
        if b.state.contains("\(name).e_mhsa.q.weight") {
          x = try attention(&b, x, name, pool: pools[stage])
        } else {
          x = try b.add(convolutions(&b, x, "\(name).mhca"), x, "\(name).mhca.projection")
        }
        x = try mlp(&b, x, name)
      }
    }
    return try b.head(b.globalAverage(b.batchNorm(x, "norm")), "head.fc")
  }

  private func patches(
    _ b: inout GraphBuilder, _ x: GraphBuilder.Value, _ name: String, stride: Int
  ) throws -> GraphBuilder.Value {
    let y =
      stride == 1
      ? x : b.averagePool(x, Window(2, stride: stride, ceilMode: true), countIncludePad: false)
    return b.state.contains("\(name).conv.weight") ? try b.unit(y, name, norm: "norm", .identity) : y
  }

  /// Convolution in groups, the network's substitute of attention between neighbors.
  private func convolutions(
    _ b: inout GraphBuilder, _ x: GraphBuilder.Value, _ name: String
  ) throws -> GraphBuilder.Value {
    let y = try b.convolutionNorm(
      x, "\(name).group_conv3x3", "\(name).norm", kernel: 3, groups: .fromShape, act)
    return try b.pointwise(y, "\(name).projection", outputs: x.channels)
  }

  private func mlp(
    _ b: inout GraphBuilder, _ x: GraphBuilder.Value, _ name: String
  ) throws -> GraphBuilder.Value {
    let norm = b.state.contains("\(name).norm2.running_mean") ? "norm2" : "norm"
    let y = try b.pointwise(b.batchNorm(x, "\(name).\(norm)"), "\(name).mlp.fc1")
    return try b.add(
      b.pointwise(b.activation(y, act), "\(name).mlp.fc2", outputs: x.channels), x, "\(name).mlp.fc2")
  }

  /// Attention to the means of `pool` times `pool` pixels that follow each other row by row, and convolutions of its result.
  private func attention(
    _ b: inout GraphBuilder, _ x: GraphBuilder.Value, _ name: String, pool: Int
  ) throws -> GraphBuilder.Value {
    let own = "\(name).e_mhsa"
    let start = try b.batchNorm(x, "\(name).norm1")
    var coarse = start
    if pool > 1 {
      let window = Window(kernel: (pool * pool, 1), stride: (pool * pool, 1))
      coarse = try b.batchNorm(b.averagePool(b.joinTokens([start]), window), "\(own).norm")
    }
    let q = try b.pointwise(start, "\(own).q")
    let (k, v) = (try b.pointwise(coarse, "\(own).k"), try b.pointwise(coarse, "\(own).v"))
    let width = row.integer("head-width")
    var y = try b.attention(
      q, k, v, own, CrossAttention(heads: q.channels / width, scale: 1 / Float(width).squareRoot()))
    y = try b.pointwise(y, "\(own).proj", outputs: x.channels)
    let attended = try b.add(y, x, "\(own).proj")
    let past = try patches(&b, attended, "\(name).projection", stride: 1)
    let near = try b.add(convolutions(&b, past, "\(name).mhca"), past, "\(name).mhca.projection")
    return b.concatenate([attended, near])
  }
}
