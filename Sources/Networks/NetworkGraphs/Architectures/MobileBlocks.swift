/// The mobile families with timm's key names: MobileNetV2 and V3, MNASNet, EfficientNet with Lite, Edge and
/// V2.
///
/// All have a stem, stages of blocks and a head; a block's kind is recognized from its keys. Properties
/// without keys (activation, eps, padding) follow from the family; networks ported from TensorFlow (`tf_…`)
/// have the same keys as timm's own but different padding and eps, so one of the two must be named.
struct MobileBlocks: Architecture {
  private enum BlockType: String {
    case mobilenetv2, mobilenetv3, mnasnet, semnasnet, efficientnet, efficientnetLite = "efficientnet_lite"
    case efficientnetEdge = "efficientnet_e", efficientnetV2 = "efficientnetv2"

    /// True if TensorFlow ports with different padding and eps share the keys.
    var hasPorts: Bool { ![.mobilenetv2, .mnasnet, .semnasnet].contains(self) }
  }

  private static let own: [String] =
    ["050", "100", "110d", "120d", "140"].map { "mobilenetv2_\($0)" }
    + ["large_075", "large_100", "small_050", "small_075", "small_100"].map { "mobilenetv3_\($0)" }
    + ["050", "075", "100", "140", "small"].map { "mnasnet_\($0)" }
    + ["050", "075", "100", "140"].map { "semnasnet_\($0)" } + ["spnasnet_100", "fbnetc_100"]
    + (0...8).map { "efficientnet_b\($0)" } + (0...4).map { "efficientnet_lite\($0)" }
    + ["es", "em", "el", "es_pruned", "el_pruned"].map { "efficientnet_\($0)" }
    + ["s", "m", "l", "rw_t", "rw_s", "rw_m"].map { "efficientnetv2_\($0)" }
  private static let ports: [String] =
    ["large_075", "large_100", "small_075", "small_100"].map { "tf_mobilenetv3_\($0)" }
    + (0...8).map { "tf_efficientnet_b\($0)" } + (0...4).map { "tf_efficientnet_lite\($0)" }
    + ["es", "em", "el"].map { "tf_efficientnet_\($0)" }
    + ["s", "m", "l", "b0", "b1", "b2", "b3"].map { "tf_efficientnetv2_\($0)" }
  /// A network that blurs its maps where another with the same tensors strides, and that other.
  private static let blurred = (name: "efficientnet_blur_b0", plain: "efficientnet_b0")
  static let names = ["mobilenetv2", "mobilenetv3", "mnasnet", "semnasnet"] + own + ports + [blurred.name]

  let name: String
  private let kind: BlockType
  private let stages: [Int]
  private let isPort: Bool

  let headName = "classifier"

  static func recognises(_ state: StateDict) -> Bool {
    state.isConvolution("conv_stem.weight") && state.contains("bn1.running_mean")
      && state.isConvolution("conv_head.weight") && Self.blockConvolution(state, 0, 0) != nil
  }

  /// The first convolution of a block, whose name identifies the block's kind.
  private static func blockConvolution(_ state: StateDict, _ stage: Int, _ index: Int) -> String? {
    ["conv_pw", "conv_dw", "conv_exp", "conv"].first {
      state.isConvolution("blocks.\(stage).\(index).\($0).weight")
    }
  }

  init(_ state: StateDict, name requested: String?) throws {
    var stages: [Int] = []
    while Self.blockConvolution(state, stages.count, 0) != nil {
      var count = 1
      while Self.blockConvolution(state, stages.count, count) != nil { count += 1 }
      stages.append(count)
    }
    self.stages = stages
    let kind = Self.kind(state, stages: stages)
    self.kind = kind
    let stem = state.shape("conv_stem.weight")?.first ?? 0
    let head = state.shape("conv_head.weight")?.first ?? 0
    let description = "\(kind.rawValue) \(list(stages)) width \(stem) head \(head)"
    // The names with exactly these tensors; only the name distinguishes TensorFlow ports from timm's own
    // networks.
    let names = PublishedNames.names(of: Layout(state, head: headName)).filter {
      (Self.own + Self.ports).contains($0)
    }
    if let requested, requested == Self.blurred.name {
      guard names.contains(Self.blurred.plain) else {
        throw NetworkError.otherArchitecture(
          label: state.label, requested: requested, found: names.first ?? description)
      }
      name = requested
    } else if let requested, (Self.own + Self.ports).contains(requested) {
      guard names.contains(requested) else {
        throw NetworkError.otherArchitecture(
          label: state.label, requested: requested, found: names.first ?? description)
      }
      name = requested
    } else if Set(names.map { $0.hasPrefix("tf_") }).count > 1 {
      throw NetworkError.ambiguous(label: state.label, candidates: names)
    } else if let only = names.first {
      name = only
    } else if kind.hasPorts || (kind == .mobilenetv2 && !state.contains("blocks.1.0.conv_pwl.weight")) {
      throw NetworkError.unknownArchitecture(
        label: state.label,
        recognised: "\(description), which is none of timm's networks of known padding and eps",
        known: [])
    } else {
      name = description
    }
    isPort = name.hasPrefix("tf_")
  }

  private static func kind(_ state: StateDict, stages: [Int]) -> BlockType {
    func gated(_ stage: Int) -> Bool { state.contains("blocks.\(stage).0.se.conv_reduce.weight") }
    guard state.contains("bn2.running_mean") else { return .mobilenetv3 }
    let isGated = stages.indices.contains(where: gated)
    let first = blockConvolution(state, 0, 0)
    if first == "conv_exp" || first == "conv" { return isGated ? .efficientnetV2 : .efficientnetEdge }
    if isGated { return gated(0) ? .efficientnet : .semnasnet }
    let kernels = stages.indices.compactMap { state.shape("blocks.\($0).0.conv_dw.weight")?.last }
    if !kernels.contains(5) { return .mobilenetv2 }
    // MNASNet expands by 3 where EfficientNet-Lite expands by 6; FBNet begins with an inverted residual and
    // is, like MNASNet, a ReLU network.
    let beginsInverted = state.contains("blocks.0.0.conv_pwl.weight")
    let expansion = state.shape("blocks.1.0.conv_pw.weight") ?? []
    let isLite = !beginsInverted && expansion.count == 4 && expansion[0] == 6 * expansion[1]
    return isLite ? .efficientnetLite : .mnasnet
  }

  private var activation: Activation {
    switch kind {
    case .mobilenetv2, .efficientnetLite: .relu6
    case .mobilenetv3: .hardswish
    case .mnasnet, .semnasnet, .efficientnetEdge: .relu
    case .efficientnet, .efficientnetV2: .silu
    }
  }

  func build(_ b: inout GraphBuilder) throws -> GraphBuilder.Value {
    if isPort { (b.eps, b.defaultPadding) = (1e-3, .same) }
    // MobileNetV3-Small, with six stages, halves the resolution in its first; the others in the second.
    let isSmall = kind == .mobilenetv3 && stages.count == 6
    let strides = isSmall ? [2, 2, 2, 1, 2, 1] : [1, 2, 2, 2, 1, 2, 1]
    var x = b.input()
    x = try b.convolutionNorm(x, "conv_stem", "bn1", kernel: 3, stride: 2, activation)
    for (stage, count) in stages.enumerated() {
      // MobileNetV3's early stages are plain ReLU.
      let early = kind == .mobilenetv3 && stage < (isSmall ? 2 : 3)
      for index in 0..<count {
        let stride = index == 0 && stage < strides.count ? strides[stage] : 1
        // EfficientNet-Edge's first stage has no shortcuts (`noskip`), of which only the wider variants have any to leave.
        let skips = stride == 1 && !(kind == .efficientnetEdge && stage == 0)
        x = try block(&b, x, "blocks.\(stage).\(index)", stride, early ? .relu : activation, skips: skips)
      }
    }
    if kind == .mobilenetv3 {
      x = b.activation(try b.convolution(b.globalAverage(x), "conv_head"), activation)
      return try b.head(x, "classifier")
    }
    x = try b.convolutionNorm(x, "conv_head", "bn2", activation)
    return try b.head(b.globalAverage(x), "classifier")
  }

  private func block(
    _ b: inout GraphBuilder, _ x: GraphBuilder.Value, _ name: String, _ stride: Int, _ activation: Activation,
    skips: Bool
  ) throws -> GraphBuilder.Value {
    func gated(_ y: GraphBuilder.Value) throws -> GraphBuilder.Value {
      guard b.state.contains("\(name).se.conv_reduce.weight") else { return y }
      return try b.squeezeExcite(
        y, "\(name).se.conv_reduce", "\(name).se.conv_expand", kind == .mobilenetv3 ? .relu : activation,
        gate: kind == .mobilenetv3 ? .hardsigmoid : .sigmoid)
    }
    var y = x
    let last: String
    if b.state.contains("\(name).conv_exp.weight") {
      y = try b.convolutionNorm(y, "\(name).conv_exp", "\(name).bn1", stride: stride, activation)
      last = "\(name).conv_pwl"
      y = try b.convolutionNorm(gated(y), last, "\(name).bn2", .identity)
    } else if b.state.contains("\(name).conv_pwl.weight") {
      y = try b.convolutionNorm(y, "\(name).conv_pw", "\(name).bn1", activation)
      let isBlurred = stride > 1 && self.name == Self.blurred.name
      y = try b.convolutionNorm(
        y, "\(name).conv_dw", "\(name).bn2", stride: isBlurred ? 1 : stride, groups: .depthwise, activation)
      if isBlurred { y = b.blurPool(y, stride: stride, mirrors: false) }
      last = "\(name).conv_pwl"
      y = try b.convolutionNorm(gated(y), last, "\(name).bn3", .identity)
    } else if b.state.contains("\(name).conv_dw.weight") {
      y = try b.convolutionNorm(
        y, "\(name).conv_dw", "\(name).bn1", stride: stride, groups: .depthwise, activation)
      last = "\(name).conv_pw"
      y = try b.convolutionNorm(gated(y), last, "\(name).bn2", .identity)
    } else {
      last = "\(name).conv"
      y = try b.convolutionNorm(y, last, "\(name).bn1", stride: stride, activation)
    }
    return skips && y.channels == x.channels ? try b.add(y, x, last) : y
  }
}
