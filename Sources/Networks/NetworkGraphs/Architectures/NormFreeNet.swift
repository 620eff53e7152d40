import Checkpoint

/// Networks without normalization with the key names of timm: NFNet, ECA-NFNet, NF-RegNet and NF-ResNet.
///
/// Brock et al., "Characterizing signal propagation to close the performance gap in unnormalized ResNets" (2021) and
/// "High-Performance Large-Scale Image Recognition Without Normalization" (2021). Convolutions have standardized weights;
/// blocks are scaled such that variances stay what they are.
struct NormFreeNet: TabulatedArchitecture {
  static let family = "nfnet"

  let published: Published

  func build(_ b: inout GraphBuilder) throws -> GraphBuilder.Value {
    if row.has("same") { b.defaultPadding = .same }
    var x = b.input()
    let strides = row.integers("stem")
    for (index, stride) in strides.enumerated() {
      let name = strides.count == 1 ? "stem.conv" : "stem.conv\(index + 1)"
      x = try convolution(&b, x, name, stride: stride)
      if index < strides.count - 1 { x = activation(&b, x) }
    }
    if row.has("stem-pool") { x = b.maxPool(x, Window(3, stride: 2, padding: 1)) }
    let firstStride = row.integer("first-stride")
    let alpha = row.real("alpha")
    var variance = 1.0
    for (stage, count) in row.integers("blocks").enumerated() {
      for index in 0..<count {
        let stride = index > 0 ? 1 : stage == 0 ? firstStride : 2
        x = try block(
          &b, x, "stages.\(stage).\(index)", stride: stride, scale: 1 / variance.squareRoot())
        if index == 0 { variance = 1 }
        variance += alpha * alpha
      }
    }
    if b.state.contains("final_conv.weight") { x = try convolution(&b, x, "final_conv") }
    return try b.head(b.globalAverage(activation(&b, x)), "head.fc")
  }

  private func convolution(
    _ b: inout GraphBuilder, _ x: GraphBuilder.Value, _ name: String, stride: Int = 1
  ) throws -> GraphBuilder.Value {
    let shape = b.state.shape("\(name).weight") ?? []
    let gain = try b.require("\(name).gain", shape: [shape.first, 1, 1, 1])
    let inputs = max(1, shape.dropFirst().reduce(1, *))
    let gamma = row.has("gamma-in-act") ? 1 : row.real("gamma")
    return try b.convolution(
      x, name, stride: stride, groups: .fromShape,
      standardization: WeightStandardization(
        gain: gain.name, scale: Float(gamma / Double(inputs).squareRoot()), eps: Float(row.real("eps"))))
  }

  private func activation(_ b: inout GraphBuilder, _ x: GraphBuilder.Value) -> GraphBuilder.Value {
    let y = b.activation(x, row.activation("act"))
    return row.has("gamma-in-act") ? b.scale(y, by: Float(row.real("gamma"))) : y
  }

  private func block(
    _ b: inout GraphBuilder, _ x: GraphBuilder.Value, _ name: String, stride: Int, scale: Double
  ) throws -> GraphBuilder.Value {
    let start = b.scale(activation(&b, x), by: Float(scale))
    var shortcut = x
    if b.state.contains("\(name).downsample.conv.weight") {
      let pooled =
        stride == 1
        ? start : b.averagePool(start, Window(2, stride: stride, ceilMode: true), countIncludePad: false)
      shortcut = try convolution(&b, pooled, "\(name).downsample.conv")
    }
    var y = activation(&b, try convolution(&b, start, "\(name).conv1"))
    y = try convolution(&b, y, "\(name).conv2", stride: stride)
    if b.state.contains("\(name).conv2b.weight") {
      y = try convolution(&b, activation(&b, y), "\(name).conv2b")
    }
    y = try gated(&b, y, "\(name).attn")
    y = try convolution(&b, activation(&b, y), "\(name).conv3")
    y = try gated(&b, y, "\(name).attn_last")
    if b.state.contains("\(name).skipinit_gain") { y = try b.scale(y, by: "\(name).skipinit_gain") }
    return try b.add(b.scale(y, by: Float(row.real("alpha"))), shortcut, "\(name).conv3")
  }

  /// Squeeze and excitation, or efficient channel attention, where the block has it, times its gain.
  private func gated(
    _ b: inout GraphBuilder, _ x: GraphBuilder.Value, _ name: String
  ) throws -> GraphBuilder.Value {
    let y: GraphBuilder.Value
    if b.state.contains("\(name).fc1.weight") {
      y = try b.squeezeExcite(x, "\(name).fc1", "\(name).fc2", row.activation("gate-act"), gate: .sigmoid)
    } else if b.state.contains("\(name).conv.weight") {
      y = try b.channelAttention(x, "\(name).conv")
    } else {
      return x
    }
    return b.scale(y, by: Float(row.real("gate-gain")))
  }
}
