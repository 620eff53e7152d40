/// EfficientViT of MIT with timm's key names, in its small (B) and large (L) form.
///
/// Cai et al., "EfficientViT: Multi-Scale Linear Attention for High-Resolution Dense Prediction" (2023): mobile blocks, and
/// in the last stages linear attention of queries, keys and values of several scales.
struct EfficientViT: Architecture {
  static let names = ["efficientvit"]

  let name: String
  private let stages: [Int]
  private let isLarge: Bool

  let headName = "head.classifier.4"

  static func recognises(_ state: StateDict) -> Bool {
    state.isConvolution("stem.in_conv.conv.weight") && state.isConvolution("head.in_conv.conv.weight")
      && state.isConvolution("stages.0.blocks.0.main.point_conv.conv.weight")
      && state.contains("head.classifier.4.weight")
  }

  init(_ state: StateDict, name requested: String?) throws {
    var stages: [Int] = []
    while state.contains("stages.\(stages.count).blocks.0.main.point_conv.conv.weight") {
      let prefix = "stages.\(stages.count).blocks."
      let plain = state.count(prefix, ".main.point_conv.conv.weight")
      stages.append(plain + state.count(prefix, from: plain, ".local_module.main.point_conv.conv.weight"))
    }
    self.stages = stages
    // The large form begins with dense convolutions.
    isLarge = state.contains("stages.0.blocks.0.main.spatial_conv.conv.weight")
    name =
      "efficientvit \(list(stages)) width \(state.shape("stem.in_conv.conv.weight")?.first ?? 0)"
      + (isLarge ? " large" : "")
  }

  private var act: Activation { isLarge ? .geluTanh : .hardswish }
  private var eps: Double { isLarge ? 1e-7 : 1e-5 }

  func build(_ b: inout GraphBuilder) throws -> GraphBuilder.Value {
    b.eps = eps
    var x = try unit(&b, b.input(), "stem.in_conv", stride: 2, act)
    var index = 0
    while case let name = "stem.res\(index).main",
      ["depth_conv", "conv1"].contains(where: { b.state.contains("\(name).\($0).conv.weight") })
    {
      x = try b.add(local(&b, x, name, stride: 1), x, name)
      index += 1
    }
    for (stage, count) in stages.enumerated() {
      for index in 0..<count {
        let name = "stages.\(stage).blocks.\(index)"
        if b.state.contains("\(name).context_module.main.qkv.conv.weight") {
          x = try b.add(
            attention(&b, x, "\(name).context_module.main"), x, "\(name).context_module.main.proj.conv")
          x = try b.add(
            local(&b, x, "\(name).local_module.main", stride: 1), x,
            "\(name).local_module.main.point_conv.conv")
        } else {
          let y = try local(&b, x, "\(name).main", stride: index == 0 ? 2 : 1)
          x = index == 0 ? y : try b.add(y, x, "\(name).main.point_conv.conv")
        }
      }
    }
    x = b.globalAverage(try unit(&b, x, "head.in_conv", act))
    x = try b.layerNorm(b.pointwise(x, "head.classifier.0"), "head.classifier.1", eps: eps)
    return try b.linear(b.activation(x, act), "head.classifier.4")
  }

  /// Convolutions one after the other, of which the last has no activation and the one larger than 1x1 strides.
  private func local(
    _ b: inout GraphBuilder, _ x: GraphBuilder.Value, _ name: String, stride: Int
  ) throws -> GraphBuilder.Value {
    let parts = ["inverted_conv", "spatial_conv", "depth_conv", "conv1", "point_conv", "conv2"].filter {
      b.state.contains("\(name).\($0).conv.weight")
    }
    var y = x
    for part in parts {
      let strides = ["spatial_conv", "depth_conv", "conv1"].contains(part)
      y = try unit(
        &b, y, "\(name).\(part)", stride: strides ? stride : 1, part == parts.last ? .identity : act)
    }
    return y
  }

  private func attention(
    _ b: inout GraphBuilder, _ x: GraphBuilder.Value, _ name: String
  ) throws -> GraphBuilder.Value {
    let qkv = try b.convolution(x, "\(name).qkv.conv", kernel: 1)
    var scales = [qkv]
    for index in 0..<b.state.count("\(name).aggreg.", ".1.weight") {
      let near = try b.convolution(qkv, "\(name).aggreg.\(index).0", groups: .depthwise)
      scales.append(try b.convolution(near, "\(name).aggreg.\(index).1", kernel: 1, groups: .fromShape))
    }
    // The convolutions that mix scales have a group for each of queries, keys and values of a head.
    let width = b.state.shape("\(name).aggreg.0.1.weight")?.dropFirst().first ?? 0
    guard width > 0 else {
      throw NetworkError.otherArchitecture(
        label: b.state.label, requested: b.architecture, found: "attention of a single scale")
    }
    let all = b.concatenate(scales)
    let y = try b.linearAttention(all, name, heads: all.channels / 3 / width, .quotient(eps: 1e-5))
    return try unit(&b, y, "\(name).proj", .identity)
  }

  /// A convolution, its BatchNorm if it has one, and an activation.
  private func unit(
    _ b: inout GraphBuilder, _ x: GraphBuilder.Value, _ name: String, stride: Int = 1, _ act: Activation
  ) throws -> GraphBuilder.Value {
    var y = try b.convolution(x, "\(name).conv", stride: stride, groups: .fromShape)
    if b.state.contains("\(name).norm.running_mean") { y = try b.batchNorm(y, "\(name).norm") }
    return b.activation(y, act)
  }
}
