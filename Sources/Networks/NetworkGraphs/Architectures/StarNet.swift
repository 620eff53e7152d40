/// StarNet with the key names of timm.
///
/// Ma et al., "Rewrite the Stars" (2024): blocks that multiply two expansions of their input.
struct StarNet: TabulatedArchitecture {
  static let family = "starnet"

  let published: Published

  func build(_ b: inout GraphBuilder) throws -> GraphBuilder.Value {
    var x = try b.unit(b.input(), "stem.0", stride: 2, .relu6)
    var stage = 0
    while b.state.isConvolution("stages.\(stage).0.conv.weight") {
      let name = "stages.\(stage)"
      x = try b.unit(x, "\(name).0", stride: 2, .identity)
      for index in 0..<b.state.count("\(name).", from: 1, ".dwconv.conv.weight") {
        x = try block(&b, x, "\(name).\(index + 1)")
      }
      stage += 1
    }
    return try b.head(b.globalAverage(b.batchNorm(x, "norm")), "head")
  }

  private func block(
    _ b: inout GraphBuilder, _ x: GraphBuilder.Value, _ name: String
  ) throws -> GraphBuilder.Value {
    let start = try b.unit(x, "\(name).dwconv", .identity)
    let value = try b.pointwise(start, "\(name).f2.conv")
    var y = b.gated(try b.pointwise(start, "\(name).f1.conv"), .relu6, value)
    y = try b.unit(y, "\(name).g", .identity)
    y = try b.convolution(y, "\(name).dwconv2.conv", groups: .depthwise)
    return try b.add(y, x, "\(name).dwconv2.conv")
  }
}
