/// FasterNet with the key names of timm.
///
/// Chen et al., "Run, Don't Walk: Chasing Higher FLOPS for Faster Neural Networks" (2023): blocks that convolve a part of
/// their channels alone.
struct FasterNet: TabulatedArchitecture {
  static let family = "fasternet"

  let published: Published

  private var act: Activation { row.activation("act") }

  func build(_ b: inout GraphBuilder) throws -> GraphBuilder.Value {
    var x = try patches(&b, b.input(), "patch_embed.proj", "patch_embed.norm")
    var stage = 0
    while b.state.isConvolution("stages.\(stage).blocks.0.mlp.0.weight") {
      let name = "stages.\(stage)"
      if b.state.isConvolution("\(name).downsample.reduction.weight") {
        x = try patches(&b, x, "\(name).downsample.reduction", "\(name).downsample.norm")
      }
      for index in 0..<b.state.count("\(name).blocks.", ".mlp.0.weight") {
        x = try block(&b, x, "\(name).blocks.\(index)")
      }
      stage += 1
    }
    x = b.activation(try b.pointwise(b.globalAverage(x), "conv_head"), act)
    return try b.head(x, "classifier")
  }

  /// A convolution whose stride is its kernel, and a BatchNorm.
  private func patches(
    _ b: inout GraphBuilder, _ x: GraphBuilder.Value, _ name: String, _ norm: String
  ) throws -> GraphBuilder.Value {
    let side = b.state.shape("\(name).weight")?.last ?? 2
    return try b.convolutionNorm(
      x, name, norm, kernel: side, stride: side, padding: .all(0), .identity)
  }

  private func block(
    _ b: inout GraphBuilder, _ x: GraphBuilder.Value, _ name: String
  ) throws -> GraphBuilder.Value {
    let mixing = "\(name).spatial_mixing.partial_conv3"
    let width = min(b.state.shape("\(mixing).weight")?.first ?? 0, x.channels)
    let convolved = try b.convolution(b.slice(x, 0..<width), mixing)
    var y = b.concatenate([convolved, b.slice(x, width..<x.channels)])
    y = try b.convolutionNorm(y, "\(name).mlp.0", "\(name).mlp.1", kernel: 1, act)
    return try b.add(b.pointwise(y, "\(name).mlp.3"), x, "\(name).mlp.3")
  }
}
