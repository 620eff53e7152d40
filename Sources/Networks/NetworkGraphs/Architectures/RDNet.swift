/// RDNet with the key names of timm.
///
/// Kim et al., "DenseNets Reloaded: Paradigm Shift Beyond ResNets and ViTs" (2024): blocks of ConvNeXt's kind whose results
/// are concatenated.
struct RDNet: TabulatedArchitecture {
  static let family = "rdnet"

  let published: Published

  private var eps: Double { row.real("eps") }

  func build(_ b: inout GraphBuilder) throws -> GraphBuilder.Value {
    let patch = b.state.shape("stem.0.weight")?.last ?? 4
    var x = try b.convolution(b.input(), "stem.0", kernel: patch, stride: patch, padding: .all(0))
    x = try b.norm(x, "stem.1", eps: eps)
    for stage in 0..<row.integer("stages") {
      var name = "dense_stages.\(stage)"
      if b.state.isConvolution("\(name).1.weight") {
        let side = b.state.shape("\(name).1.weight")?.last ?? 1
        x = try b.norm(x, "\(name).0", eps: eps)
        x = try b.convolution(x, "\(name).1", kernel: side, stride: side, padding: .all(0))
        name += ".2"
      } else {
        name += ".0"
      }
      for index in 0..<b.state.count("\(name).dense_block", ".layers.layers.0.weight") {
        x = b.concatenate([x, try block(&b, x, "\(name).dense_block\(index)")])
      }
    }
    return try b.head(b.norm(b.globalAverage(x), "head.norm", eps: eps), "head.fc")
  }

  private func block(
    _ b: inout GraphBuilder, _ x: GraphBuilder.Value, _ name: String
  ) throws -> GraphBuilder.Value {
    var y = try b.convolution(x, "\(name).layers.layers.0", groups: .depthwise)
    y = try b.pointwise(b.norm(y, "\(name).layers.layers.1", eps: eps), "\(name).layers.layers.2")
    y = try b.pointwise(b.activation(y, row.activation("act")), "\(name).layers.layers.4")
    y = try b.channelGate(y, "\(name).layers.layers.5", outer: .hardsigmoid)
    return b.state.contains("\(name).gamma") ? try b.layerScale(y, "\(name).gamma") : y
  }
}
