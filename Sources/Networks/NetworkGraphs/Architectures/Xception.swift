/// Xception with the key names of its first port to PyTorch (timm's `legacy_xception`).
///
/// Chollet, "Xception: Deep Learning with Depthwise Separable Convolutions" (2017).
struct Xception: Architecture {
  static let names = ["legacy_xception"]

  let name: String
  private let blocks: Int

  let headName = "fc"

  static func recognises(_ state: StateDict) -> Bool {
    state.isConvolution("block1.rep.0.conv1.weight") && state.isConvolution("block1.skip.weight")
      && state.isConvolution("conv3.pointwise.weight") && state.isConvolution("conv4.pointwise.weight")
      && state.headName("fc") != nil
  }

  init(_ state: StateDict, name requested: String?) throws {
    var blocks = 0
    while ["0", "1"].contains(where: { state.contains("block\(blocks + 1).rep.\($0).conv1.weight") }) {
      blocks += 1
    }
    self.blocks = blocks
    name = "legacy_xception [\(blocks)]"
  }

  func build(_ b: inout GraphBuilder) throws -> GraphBuilder.Value {
    var x = b.input()
    x = try b.convolutionNorm(x, "conv1", "bn1", kernel: 3, stride: 2, padding: .all(0), .relu)
    x = try b.convolutionNorm(x, "conv2", "bn2", kernel: 3, padding: .all(0), .relu)
    for index in 1..<blocks + 1 { x = try block(&b, x, "block\(index)") }
    x = b.activation(try separable(&b, x, "conv3", "bn3"), .relu)
    x = b.activation(try separable(&b, x, "conv4", "bn4"), .relu)
    return try b.head(b.globalAverage(x), "fc")
  }

  private func block(
    _ b: inout GraphBuilder, _ x: GraphBuilder.Value, _ name: String
  ) throws -> GraphBuilder.Value {
    var y = x
    // Layers of the sequence are ReLU, convolution, BatchNorm, and so on; the first block has no ReLU at its start.
    for index in 0..<9 where b.state.contains("\(name).rep.\(index).conv1.weight") {
      if index > 0 { y = b.activation(y, .relu) }
      y = try separable(&b, y, "\(name).rep.\(index)", "\(name).rep.\(index + 1)")
    }
    guard b.state.contains("\(name).skip.weight") else { return try b.add(y, x, "\(name).rep.1.pointwise") }
    let shortcut = try b.convolutionNorm(
      x, "\(name).skip", "\(name).skipbn", kernel: 1, stride: 2, .identity)
    return try b.add(b.maxPool(y, Window(3, stride: 2, padding: 1)), shortcut, "\(name).skip")
  }

  private func separable(
    _ b: inout GraphBuilder, _ x: GraphBuilder.Value, _ name: String, _ norm: String
  ) throws -> GraphBuilder.Value {
    let y = try b.convolution(x, "\(name).conv1", kernel: 3, groups: .depthwise)
    return try b.batchNorm(b.convolution(y, "\(name).pointwise", kernel: 1), norm)
  }
}

/// The modified Xception of DeepLab with timm's key names (`xception41` to `xception71`), also with norms before the
/// convolutions.
///
/// Chen et al., "Encoder-Decoder with Atrous Separable Convolution for Semantic Image Segmentation" (2018).
struct AlignedXception: TabulatedArchitecture {
  static let family = "aligned_xception"

  let published: Published

  func build(_ b: inout GraphBuilder) throws -> GraphBuilder.Value {
    b.eps = row.real("eps")
    var x = try b.unit(b.input(), "stem.0", stride: 2, .relu)
    let isEarly = b.state.contains("stem.1.weight")
    x =
      isEarly
      ? try b.convolution(x, "stem.1", kernel: 3)
      : try b.unit(x, "stem.1", .relu)
    // Every block has its stride, `s` for a shortcut, and `r` for ReLU before its convolutions alone.
    for (index, code) in row.text("blocks").split(separator: ",").enumerated() {
      let (name, stride) = ("blocks.\(index)", Int(code.prefix { $0.isNumber }) ?? 1)
      let start = isEarly ? b.activation(try b.batchNorm(x, "\(name).norm"), .relu) : x
      var y = start
      for layer in 1..<4 {
        let convolution = "\(name).stack.conv\(layer)"
        let step = layer == 3 ? stride : 1
        y =
          isEarly
          ? try normFirst(&b, y, convolution, stride: step)
          : try separable(&b, y, convolution, stride: step, startsActive: code.contains("r"))
      }
      x =
        code.contains("s")
        ? try b.add(y, shortcut(&b, start, name, stride: stride), "\(name).stack.conv3.conv_pw") : y
    }
    if isEarly { x = b.activation(x, .relu) }
    return try b.head(b.globalAverage(x), "head.fc")
  }

  private func shortcut(
    _ b: inout GraphBuilder, _ x: GraphBuilder.Value, _ name: String, stride: Int
  ) throws -> GraphBuilder.Value {
    if b.state.contains("\(name).shortcut.weight") {
      return try b.convolution(x, "\(name).shortcut", kernel: 1, stride: stride)
    }
    guard b.state.contains("\(name).shortcut.conv.weight") else { return x }
    return try b.unit(x, "\(name).shortcut", stride: stride, .identity)
  }

  private func separable(
    _ b: inout GraphBuilder, _ x: GraphBuilder.Value, _ name: String, stride: Int, startsActive: Bool
  ) throws -> GraphBuilder.Value {
    let act: Activation = startsActive ? .identity : .relu
    var y = startsActive ? b.activation(x, .relu) : x
    y = try b.convolutionNorm(
      y, "\(name).conv_dw", "\(name).bn_dw", kernel: 3, stride: stride, groups: .depthwise, act)
    return try b.convolutionNorm(y, "\(name).conv_pw", "\(name).bn_pw", kernel: 1, act)
  }

  private func normFirst(
    _ b: inout GraphBuilder, _ x: GraphBuilder.Value, _ name: String, stride: Int
  ) throws -> GraphBuilder.Value {
    var y = x
    if b.state.contains("\(name).norm.running_mean") {
      y = b.activation(try b.batchNorm(y, "\(name).norm"), .relu)
    }
    y = try b.convolution(y, "\(name).conv_dw", kernel: 3, stride: stride, groups: .depthwise)
    return try b.convolution(y, "\(name).conv_pw", kernel: 1)
  }
}
