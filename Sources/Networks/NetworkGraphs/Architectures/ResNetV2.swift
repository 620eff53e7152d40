/// ResNets with norm and activation before each convolution, with timm's key names: ResNetV2 and Big Transfer.
///
/// He et al., "Identity Mappings in Deep Residual Networks" (2016); Kolesnikov et al., "Big Transfer (BiT)" (2020), whose
/// convolutions have standardized weights and whose norms are GroupNorms.
struct ResNetV2: TabulatedArchitecture {
  static let family = "resnetv2"

  let published: Published

  func build(_ b: inout GraphBuilder) throws -> GraphBuilder.Value {
    b.eps = row.real("eps")
    b.norms = ConvolutionNorms(evolvedIn: row)
    var x = b.input()
    if b.state.contains("stem.conv.weight") {
      x = try convolution(&b, x, "stem.conv", kernel: 7, stride: 2)
    } else {
      x = try normalized(&b, convolution(&b, x, "stem.conv1", kernel: 3, stride: 2), "stem.norm1")
      x = try normalized(&b, convolution(&b, x, "stem.conv2", kernel: 3), "stem.norm2")
      x = try convolution(&b, x, "stem.conv3", kernel: 3)
    }
    if row.has("zeros") {
      // Zeros around the map take part in the maximum.
      let margins = Margins(top: 1, left: 1, bottom: 1, right: 1)
      x = b.append("pad", .pad(margins), [x], channels: x.channels)
      x = b.maxPool(x, Window(3, stride: 2))
    } else {
      x = b.maxPool(x, Window(3, stride: 2, padding: 1))
    }
    for (stage, count) in row.integers("blocks").enumerated() {
      for index in 0..<count {
        x = try block(&b, x, "stages.\(stage).blocks.\(index)", stride: stage > 0 && index == 0 ? 2 : 1)
      }
    }
    return try b.head(b.globalAverage(normalized(&b, x, "norm")), "head.fc")
  }

  private func block(
    _ b: inout GraphBuilder, _ x: GraphBuilder.Value, _ name: String, stride: Int
  ) throws -> GraphBuilder.Value {
    let start = try normalized(&b, x, "\(name).norm1")
    var shortcut = x
    if b.state.contains("\(name).downsample.conv.weight") {
      let isMean = row.has("means") && stride > 1
      let input =
        isMean
        ? b.averagePool(start, Window(2, stride: stride, ceilMode: true), countIncludePad: false) : start
      shortcut = try convolution(
        &b, input, "\(name).downsample.conv", kernel: 1, stride: row.has("means") ? 1 : stride)
    }
    let isBottleneck = b.state.contains("\(name).conv3.weight")
    var y = try convolution(
      &b, start, "\(name).conv1", kernel: isBottleneck ? 1 : 3, stride: isBottleneck ? 1 : stride)
    y = try convolution(
      &b, normalized(&b, y, "\(name).norm2"), "\(name).conv2", kernel: 3, stride: isBottleneck ? stride : 1)
    guard isBottleneck else { return try b.add(y, shortcut, "\(name).conv2") }
    y = try convolution(&b, normalized(&b, y, "\(name).norm3"), "\(name).conv3", kernel: 1)
    return try b.add(y, shortcut, "\(name).conv3")
  }

  private func convolution(
    _ b: inout GraphBuilder, _ x: GraphBuilder.Value, _ name: String, kernel: Int, stride: Int = 1
  ) throws -> GraphBuilder.Value {
    let standardization =
      row.has("standardized")
      ? WeightStandardization(gain: nil, scale: 1, eps: Float(row.real("standardized"))) : nil
    return try b.convolution(
      x, name, kernel: kernel, stride: stride, standardization: standardization)
  }

  private func normalized(
    _ b: inout GraphBuilder, _ x: GraphBuilder.Value, _ name: String
  ) throws -> GraphBuilder.Value {
    if row.has("response") { return try b.responseNorm(x, name, eps: row.real("eps")) }
    guard row.has("groups") else { return try b.normalized(x, name, row.activation("act")) }
    let y = try b.groupNorm(x, name, groups: row.integer("groups"), eps: row.real("eps"))
    return b.activation(y, row.activation("act"))
  }
}
