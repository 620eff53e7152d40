import Checkpoint

/// Gated convolutional networks with the key names of timm.
///
/// Yu, Wang: "MambaOut: Do We Really Need Mamba for Vision?" (2024).
struct MambaOut: TabulatedArchitecture {
  static let family = "mambaout"

  let published: Published

  private var eps: Double { row.real("eps") }
  private var act: Activation { row.activation("act") }

  func build(_ b: inout GraphBuilder) throws -> GraphBuilder.Value {
    var x = try b.convolution(b.input(), "stem.conv1", kernel: 3, stride: 2)
    if b.state.contains("stem.norm1.weight") { x = try b.norm(x, "stem.norm1", eps: eps) }
    x = try b.convolution(b.activation(x, act), "stem.conv2", kernel: 3, stride: 2)
    x = try b.norm(x, "stem.norm2", eps: eps)
    for (stage, count) in row.integers("blocks").enumerated() {
      if stage > 0 {
        let downsample = "stages.\(stage).downsample"
        if row.has("norm-first") { x = try b.norm(x, "\(downsample).norm", eps: eps) }
        x = try b.convolution(x, "\(downsample).conv", kernel: 3, stride: 2)
        if !row.has("norm-first") { x = try b.norm(x, "\(downsample).norm", eps: eps) }
      }
      for index in 0..<count { x = try block(&b, x, "stages.\(stage).blocks.\(index)") }
    }
    x = try b.norm(b.globalAverage(x), "head.norm", eps: eps)
    x = try b.pointwise(x, "head.pre_logits.fc")
    x =
      row.has("head-tanh")
      ? b.append("tanh", .function(.tanh), [x], channels: x.channels)
      : b.activation(x, row.activation("head-act"))
    if b.state.contains("head.pre_logits.norm.weight") {
      x = try b.norm(x, "head.pre_logits.norm", eps: eps)
    }
    return try b.head(x, "head.fc")
  }

  /// A gate times some channels, of which the last are convolved.
  private func block(
    _ b: inout GraphBuilder, _ x: GraphBuilder.Value, _ name: String
  ) throws -> GraphBuilder.Value {
    let all = try b.pointwise(b.norm(x, "\(name).norm", eps: eps), "\(name).fc1")
    let hidden = all.channels / 2
    let convolved = b.state.shape("\(name).conv.weight")?.first ?? hidden
    let first = all.channels - convolved
    var value = try b.convolution(b.slice(all, first..<all.channels), "\(name).conv", groups: .depthwise)
    if first > hidden { value = b.concatenate([b.slice(all, hidden..<first), value]) }
    var y = b.gated(b.slice(all, 0..<hidden), act, value)
    y = try b.pointwise(y, "\(name).fc2", outputs: x.channels)
    if b.state.contains("\(name).ls.gamma") { y = try b.layerScale(y, "\(name).ls.gamma") }
    return try b.add(y, x, "\(name).fc2")
  }
}
