import Checkpoint

/// Cross-stage partial networks and DarkNets with the key names of timm's `cspnet`: CSPResNet, CSPResNeXt, CSPDarkNet,
/// DarkNet and the CS3 networks of YOLO v5.
///
/// Wang et al., "CSPNet: A New Backbone that can Enhance Learning Capability of CNN" (2019): a stage computes blocks on
/// half of its channels alone and joins both halves.
struct CSPNet: TabulatedArchitecture {
  static let family = "cspnet"

  let published: Published

  func build(_ b: inout GraphBuilder) throws -> GraphBuilder.Value {
    var x = b.input()
    for (index, stride) in row.integers("stem").enumerated() {
      x = try unit(&b, x, "stem.conv\(index + 1)", stride: stride)
    }
    if row.has("stem-pool") { x = b.maxPool(x, Window(3, stride: 2, padding: 1)) }
    for (stage, stride) in row.integers("strides").enumerated() {
      x = try self.stage(&b, x, "stages.\(stage)", stride: stride)
    }
    return try b.head(b.globalAverage(x), "head.fc")
  }

  private func activated(_ b: inout GraphBuilder, _ x: GraphBuilder.Value) -> GraphBuilder.Value {
    guard row.has("slope") else { return b.activation(x, row.activation("act")) }
    return b.append(
      "leakyRelu", .function(.leakyRelu(slope: Float(row.real("slope")))), [x], channels: x.channels)
  }

  private func unit(
    _ b: inout GraphBuilder, _ x: GraphBuilder.Value, _ name: String, stride: Int = 1
  ) throws -> GraphBuilder.Value {
    activated(&b, try b.unit(x, name, stride: stride, .identity))
  }

  private func stage(
    _ b: inout GraphBuilder, _ x: GraphBuilder.Value, _ name: String, stride: Int
  ) throws -> GraphBuilder.Value {
    var x = x
    if b.state.contains("\(name).conv_down.conv.weight") {
      x = try unit(&b, x, "\(name).conv_down", stride: stride)
    } else if b.state.contains("\(name).conv_down.1.conv.weight") {
      if stride == 2 { x = b.averagePool(x, Window(2, stride: 2)) }
      x = try unit(&b, x, "\(name).conv_down.1")
    }
    guard b.state.contains("\(name).conv_exp.conv.weight") else { return try blocks(&b, x, name) }
    let expanded = try b.unit(x, "\(name).conv_exp", .identity)
    let y = row.has("cross-linear") ? expanded : activated(&b, expanded)
    let half = y.channels / 2
    let (first, second) = (b.slice(y, 0..<half), b.slice(y, half..<y.channels))
    let joined: GraphBuilder.Value
    if b.state.contains("\(name).conv_transition_b.conv.weight") {
      let part = try unit(&b, blocks(&b, second, name), "\(name).conv_transition_b")
      joined = b.concatenate([first, part])
    } else {
      joined = try b.concatenate([blocks(&b, first, name), second])
    }
    return try unit(&b, joined, "\(name).conv_transition")
  }

  private func blocks(
    _ b: inout GraphBuilder, _ x: GraphBuilder.Value, _ name: String
  ) throws -> GraphBuilder.Value {
    var x = x
    for index in 0..<b.state.count("\(name).blocks.", ".conv1.conv.weight") {
      x = try block(&b, x, "\(name).blocks.\(index)")
    }
    return x
  }

  private func block(
    _ b: inout GraphBuilder, _ x: GraphBuilder.Value, _ name: String
  ) throws -> GraphBuilder.Value {
    var y = try unit(&b, x, "\(name).conv1")
    guard b.state.contains("\(name).conv3.conv.weight") else {
      y = try unit(&b, gated(&b, y, "\(name).attn"), "\(name).conv2")
      return try b.add(y, x, "\(name).conv2.conv")
    }
    y = try gated(&b, unit(&b, y, "\(name).conv2"), "\(name).attn2")
    y = try gated(&b, b.unit(y, "\(name).conv3", .identity), "\(name).attn3")
    return activated(&b, try b.add(y, x, "\(name).conv3.conv"))
  }

  private func gated(
    _ b: inout GraphBuilder, _ x: GraphBuilder.Value, _ name: String
  ) throws -> GraphBuilder.Value {
    try b.channelGate(
      x, name, inner: row.has("gate-act") ? row.activation("gate-act") : .relu,
      outer: row.has("gate") ? row.activation("gate") : .sigmoid)
  }
}
