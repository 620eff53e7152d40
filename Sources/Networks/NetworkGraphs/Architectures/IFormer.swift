/// iFormer with the key names of timm.
///
/// Zheng: "iFormer: Integrating ConvNet and Transformer for Mobile Application" (2025): convolutional blocks, and attention
/// of a single head whose result a gate multiplies.
struct IFormer: TabulatedArchitecture {
  static let family = "iformer"

  let published: Published

  private var act: Activation { row.activation("act") }

  func build(_ b: inout GraphBuilder) throws -> GraphBuilder.Value {
    var x = try layer(&b, b.input(), "stem.conv1", stride: 2, act)
    x = try layer(&b, x, "stem.conv2", stride: 2, act)
    x = try layer(&b, x, "stem.conv3")
    for (stage, count) in row.integers("blocks").enumerated() {
      let downsample = "stages.\(stage).downsample"
      if b.state.contains("\(downsample).c.weight") { x = try layer(&b, x, downsample, stride: 2) }
      for index in 0..<count { x = try block(&b, x, "stages.\(stage).blocks.\(index)") }
    }
    x = b.globalAverage(x)
    let supervised = try b.head(b.batchNorm(x, "head.head.bn"), "head.head.l")
    guard b.state.contains("head.head_dist.l.weight") else { return supervised }
    let distilled = try b.head(b.batchNorm(x, "head.head_dist.bn"), "head.head_dist.l")
    return b.scale(try b.add(supervised, distilled, "head.head_dist.l"), by: 0.5)
  }

  private func layer(
    _ b: inout GraphBuilder, _ x: GraphBuilder.Value, _ name: String, stride: Int = 1,
    _ activation: Activation = .identity
  ) throws -> GraphBuilder.Value {
    try b.convolutionNorm(x, "\(name).c", "\(name).bn", stride: stride, groups: .fromShape, activation)
  }

  private func block(
    _ b: inout GraphBuilder, _ x: GraphBuilder.Value, _ name: String
  ) throws -> GraphBuilder.Value {
    if b.state.contains("\(name).cpe.module.c.weight") {
      return try b.add(layer(&b, x, "\(name).cpe.module"), x, "\(name).cpe.module.c")
    }
    let own = "\(name).mixer.module"
    var y: GraphBuilder.Value
    if b.state.contains("\(own).v_gate.c.weight") {
      y = try attention(&b, x, own)
    } else if b.state.contains("\(own).3.c.weight") {
      y = try layer(&b, layer(&b, layer(&b, x, "\(own).0"), "\(own).1", act), "\(own).3")
    } else {
      y = try layer(&b, layer(&b, x, "\(own).0", act), "\(own).2")
    }
    if b.state.contains("\(name).mixer.gamma") { y = try b.layerScale(y, "\(name).mixer.gamma") }
    return try b.add(y, x, own)
  }

  private func attention(
    _ b: inout GraphBuilder, _ x: GraphBuilder.Value, _ name: String
  ) throws -> GraphBuilder.Value {
    let (q, k) = (try layer(&b, x, "\(name).q"), try layer(&b, x, "\(name).k"))
    let both = try layer(&b, x, "\(name).v_gate", .sigmoid)
    let half = both.channels / 2
    let y = try b.attention(
      q, k, b.slice(both, 0..<half), name,
      CrossAttention(heads: 1, scale: 1 / Float(q.channels).squareRoot()))
    return try layer(&b, b.multiply(y, b.slice(both, half..<2 * half)), "\(name).proj")
  }
}
