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
