/// EfficientNet B0 to B7 and V2 with torchvision's key names.
///
/// Tan, Le, "EfficientNet" (2019) and "EfficientNetV2" (2021).
struct EfficientNet: Architecture {
  private static let published: [(name: String, blocks: [Int], head: Int)] = [
    ("efficientnet_b0", [1, 2, 2, 3, 3, 4, 1], 1280), ("efficientnet_b1", [2, 3, 3, 4, 4, 5, 2], 1280),
    ("efficientnet_b2", [2, 3, 3, 4, 4, 5, 2], 1408), ("efficientnet_b3", [2, 3, 3, 5, 5, 6, 2], 1536),
    ("efficientnet_b4", [2, 4, 4, 6, 6, 8, 2], 1792), ("efficientnet_b5", [3, 5, 5, 7, 7, 9, 3], 2048),
    ("efficientnet_b6", [3, 6, 6, 8, 8, 11, 3], 2304), ("efficientnet_b7", [4, 7, 7, 10, 10, 13, 4], 2560),
    ("efficientnet_v2_s", [2, 4, 4, 6, 9, 15], 1280), ("efficientnet_v2_m", [3, 5, 5, 7, 14, 18, 5], 1280),
    ("efficientnet_v2_l", [4, 7, 7, 10, 19, 25, 7], 1280),
  ]
  static let names = ["efficientnet"] + published.map(\.name)

  let name: String
  private let blocks: [Int]
  private let isV2: Bool
  private let eps: Double
  private let momentum: Double

  let headName = "classifier.1"

  static func recognises(_ state: StateDict) -> Bool {
    state.isConvolution("features.0.0.weight") && state.isConvolution("features.1.0.block.0.0.weight")
      && state.contains("classifier.1.weight")
  }

  init(_ state: StateDict, name requested: String?) throws {
    var blocks: [Int] = []
    while case let count = state.count("features.\(blocks.count + 1).", ".block.0.0.weight"), count > 0 {
      blocks.append(count)
    }
    let head = state.shape("classifier.1.weight")?.last ?? 0
    // V2 begins with dense convolutions, B0 to B7 with depthwise ones.
    isV2 = state.shape("features.1.0.block.0.0.weight")?.dropFirst().first != 1
    let match = Self.published.first { $0.blocks == blocks && $0.head == head }
    name = match?.name ?? "efficientnet \(list(blocks)) head \(head)" + (isV2 ? " v2" : "")
    self.blocks = blocks
    // torchvision: 1e-3 and 0.1 for V2, 1e-3 and 0.01 for B5 to B7, else PyTorch's defaults.
    eps = isV2 || head >= 2048 ? 1e-3 : 1e-5
    momentum = !isV2 && head >= 2048 ? 0.01 : 0.1
    if let requested, requested != "efficientnet", requested != name {
      throw NetworkError.otherArchitecture(label: state.label, requested: requested, found: name)
    }
  }

  func build(_ b: inout GraphBuilder) throws -> GraphBuilder.Value {
    (b.eps, b.momentum) = (eps, momentum)
    // Strides of the first block of each stage; V2-S has six stages.
    let strides = [1, 2, 2, 2, 1, 2, 1]
    var x = b.input()
    x = try b.convolutionNorm(x, "features.0.0", "features.0.1", kernel: 3, stride: 2, .silu)
    for (stage, count) in blocks.enumerated() {
      for index in 0..<count {
        let stride = index == 0 && stage < strides.count ? strides[stage] : 1
        x = try block(&b, x, "features.\(stage + 1).\(index).block", stride)
      }
    }
    let last = blocks.count + 1
    x = try b.convolutionNorm(x, "features.\(last).0", "features.\(last).1", .silu)
    return try b.linear(b.globalAverage(x), "classifier.1")
  }

  /// An inverted residual, possibly with expansion and depthwise convolution fused into one dense
  /// convolution.
  private func block(
    _ b: inout GraphBuilder, _ x: GraphBuilder.Value, _ name: String, _ stride: Int
  ) throws -> GraphBuilder.Value {
    var parts: [String] = []
    while case let part = "\(name).\(parts.count)",
      b.state.contains("\(part).0.weight") || b.state.contains("\(part).fc1.weight")
    {
      parts.append(part)
    }
    var y = x
    var strideLeft = stride
    for (index, part) in parts.enumerated() {
      if b.state.contains("\(part).fc1.weight") {
        y = try b.squeezeExcite(y, "\(part).fc1", "\(part).fc2", .silu, gate: .sigmoid)
        continue
      }
      let kernel = b.state.shape("\(part).0.weight")?.last ?? 1
      // The projection has no activation, unless it is the only convolution.
      let activation: Activation = index == parts.count - 1 && parts.count > 1 ? .identity : .silu
      y = try b.convolutionNorm(
        y, "\(part).0", "\(part).1", stride: kernel > 1 ? strideLeft : 1,
        groups: kernel > 1 ? .fromShape : .one, activation)
      if kernel > 1 { strideLeft = 1 }
    }
    return stride == 1 && y.channels == x.channels ? try b.add(y, x, "\(parts.last ?? name).0") : y
  }
}
