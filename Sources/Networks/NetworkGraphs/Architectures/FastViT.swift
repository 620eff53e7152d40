import Checkpoint

/// FastViT and MobileCLIP's image encoders with timm's key names, before their branches are fused.
///
/// Vasu et al., "FastViT: A Fast Hybrid Vision Transformer using Structural Reparameterization" (2023) and "An Improved One
/// millisecond Mobile Backbone" (2023): a layer is the sum of several convolutions and a BatchNorm of its input.
struct FastViT: TabulatedArchitecture {
  static let family = "fastvit"

  let published: Published

  func build(_ b: inout GraphBuilder) throws -> GraphBuilder.Value {
    b.eps = row.real("eps")
    var x = try branches(&b, b.input(), "stem.0", stride: 2)
    x = try branches(&b, x, "stem.1", stride: 2)
    x = try branches(&b, x, "stem.2")
    for (stage, count) in row.integers("blocks").enumerated() {
      let name = "stages.\(stage)"
      if b.state.contains("\(name).downsample.proj.0.large_conv.conv.weight") {
        x = try downsample(&b, x, "\(name).downsample.proj")
      }
      if b.state.contains("\(name).pos_emb.pos_enc.weight") {
        let positions = try b.convolution(x, "\(name).pos_emb.pos_enc", groups: .depthwise)
        x = try b.add(positions, x, "\(name).pos_emb.pos_enc")
      }
      for index in 0..<count { x = try block(&b, x, "\(name).blocks.\(index)") }
    }
    x = try branches(&b, x, "final_conv")
    return try b.head(b.globalAverage(x), "head.fc")
  }

  private func downsample(
    _ b: inout GraphBuilder, _ x: GraphBuilder.Value, _ name: String
  ) throws -> GraphBuilder.Value {
    var y = try b.unit(x, "\(name).0.large_conv", stride: 2, .identity)
    if b.state.contains("\(name).0.small_conv.conv.weight") {
      y = try b.add(
        y, b.unit(x, "\(name).0.small_conv", stride: 2, .identity), "\(name).0.small_conv.conv")
    }
    y = try b.channelGate(y, "\(name).0.se")
    if row.has("large-act") { y = b.activation(y, .gelu) }
    return try branches(&b, y, "\(name).1")
  }

  private func block(
    _ b: inout GraphBuilder, _ x: GraphBuilder.Value, _ name: String
  ) throws -> GraphBuilder.Value {
    let mixer = "\(name).token_mixer"
    guard b.state.contains("\(mixer).qkv.weight") else {
      // The difference of the two is what the mixer adds to its input.
      let mixed = try branches(&b, x, "\(mixer).mixer", isActive: false)
      let plain = try branches(&b, x, "\(mixer).norm", isActive: false)
      var y = try b.add(mixed, b.scale(plain, by: -1), mixer)
      y = try b.add(scaled(&b, y, "\(mixer).layer_scale"), x, mixer)
      return try b.add(scaled(&b, mlp(&b, y, "\(name).mlp"), "\(name).layer_scale"), y, name)
    }
    let qkv = try b.pointwise(b.batchNorm(x, "\(name).norm"), "\(mixer).qkv")
    var y = try b.attention(qkv, mixer, heads: qkv.channels / 3 / max(row.integer("head-width"), 1))
    y = try b.pointwise(y, "\(mixer).proj", outputs: x.channels)
    y = try b.add(scaled(&b, y, "\(name).layer_scale_1"), x, "\(mixer).proj")
    return try b.add(scaled(&b, mlp(&b, y, "\(name).mlp"), "\(name).layer_scale_2"), y, name)
  }

  private func mlp(
    _ b: inout GraphBuilder, _ x: GraphBuilder.Value, _ name: String
  ) throws -> GraphBuilder.Value {
    let y = try b.pointwise(b.unit(x, "\(name).conv", .identity), "\(name).fc1")
    return try b.pointwise(b.activation(y, .gelu), "\(name).fc2", outputs: x.channels)
  }

  // MARK: Parts of blocks

  /// The sum of a 1x1 convolution, a BatchNorm of the input and convolutions of one size, as far as the layer has them,
  /// then a gate and an activation.
  private func branches(
    _ b: inout GraphBuilder, _ x: GraphBuilder.Value, _ name: String, stride: Int = 1, isActive: Bool = true
  ) throws -> GraphBuilder.Value {
    var results: [GraphBuilder.Value] = []
    if b.state.contains("\(name).conv_scale.conv.weight") {
      results.append(try b.unit(x, "\(name).conv_scale", stride: stride, .identity))
    }
    if b.state.contains("\(name).identity.running_mean") {
      results.append(try b.batchNorm(x, "\(name).identity"))
    }
    for index in 0..<b.state.count("\(name).conv_kxk.", ".conv.weight") {
      results.append(try b.unit(x, "\(name).conv_kxk.\(index)", stride: stride, .identity))
    }
    guard var sum = results.first else {
      throw NetworkError.missingTensor(
        label: b.state.label, tensor: TensorName("\(name).conv_kxk.0.conv.weight"),
        architecture: b.architecture)
    }
    for result in results.dropFirst() { sum = try b.add(sum, result, "\(name).conv_kxk.0.conv") }
    let y = try b.channelGate(sum, "\(name).se")
    return isActive ? b.activation(y, .gelu) : y
  }

  private func scaled(
    _ b: inout GraphBuilder, _ x: GraphBuilder.Value, _ name: String
  ) throws -> GraphBuilder.Value {
    b.state.contains("\(name).gamma") ? try b.layerScale(x, "\(name).gamma") : x
  }
}
