/// SqueezeNet with the key names of torchvision.
///
/// Iandola et al., "SqueezeNet: AlexNet-level accuracy with 50x fewer parameters and <0.5MB model size" (2016): blocks that
/// narrow their input before they widen it, and a classifier for every place, whose results are averaged.
struct SqueezeNet: TabulatedArchitecture {
  static let family = "squeezenet"

  let published: Published

  func build(_ b: inout GraphBuilder) throws -> GraphBuilder.Value {
    var x = try b.convolution(b.input(), "features.0", stride: 2, padding: .all(0))
    x = b.activation(x, .relu)
    let pools = row.integers("pools")
    for index in 2..<row.integer("layers") {
      let name = "features.\(index)"
      x =
        pools.contains(index)
        ? b.maxPool(x, Window(3, stride: 2, ceilMode: true)) : try block(&b, x, name)
    }
    x = b.activation(try b.convolution(x, "classifier.1", kernel: 1), .relu)
    return b.globalAverage(x)
  }

  private func block(
    _ b: inout GraphBuilder, _ x: GraphBuilder.Value, _ name: String
  ) throws -> GraphBuilder.Value {
    let narrow = b.activation(try b.convolution(x, "\(name).squeeze", kernel: 1), .relu)
    let first = b.activation(try b.convolution(narrow, "\(name).expand1x1", kernel: 1), .relu)
    let second = b.activation(try b.convolution(narrow, "\(name).expand3x3", kernel: 3), .relu)
    return b.concatenate([first, second])
  }
}
