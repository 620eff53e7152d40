/// ConvMixer with the key names of timm.
///
/// Trockman, Kolter: "Patches Are All You Need?" (2022): patches at one scale, mixed by large depthwise convolutions.
struct ConvMixer: TabulatedArchitecture {
  static let family = "convmixer"

  let published: Published

  private var act: Activation { row.activation("act") }

  func build(_ b: inout GraphBuilder) throws -> GraphBuilder.Value {
    let patch = b.state.shape("stem.0.weight")?.last ?? 7
    var x = try b.convolution(b.input(), "stem.0", kernel: patch, stride: patch, padding: .all(0))
    x = try b.batchNorm(b.activation(x, act), "stem.2")
    for index in 0..<b.state.count("blocks.", ".1.weight") {
      let name = "blocks.\(index)"
      var y = try b.convolution(x, "\(name).0.fn.0", groups: .depthwise)
      y = try b.batchNorm(b.activation(y, act), "\(name).0.fn.2")
      y = try b.pointwise(b.add(y, x, "\(name).0.fn.0"), "\(name).1")
      x = try b.batchNorm(b.activation(y, act), "\(name).3")
    }
    return try b.head(b.globalAverage(x), "head")
  }
}
