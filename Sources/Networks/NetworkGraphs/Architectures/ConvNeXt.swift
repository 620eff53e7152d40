/// ConvNeXt and ConvNeXt V2 with the key names of timm, torchvision and the authors.
///
/// Liu et al., "A ConvNet for the 2020s" (2022); Woo et al., "ConvNeXt V2" (2023). Version 2 has global response
/// normalization in place of the layer scale.
struct ConvNeXt: Architecture {
  /// Key names of a library.
  private struct Keys {
    let stem: String
    let downsample: @Sendable (_ stage: Int) -> String
    let block: @Sendable (_ stage: Int, _ index: Int) -> String
    let depthwise: String
    let norm: String
    let expand: String
    let project: String
    let layerScale: String
    /// The global response normalization's scale and shift.
    let response: (weight: String, bias: String)
    let headNorm: String
    let head: String
  }

  private static let libraries = [
    Keys(
      stem: "stem", downsample: { "stages.\($0).downsample" }, block: { "stages.\($0).blocks.\($1)" },
      depthwise: "conv_dw", norm: "norm", expand: "mlp.fc1", project: "mlp.fc2", layerScale: "gamma",
      response: ("mlp.grn.weight", "mlp.grn.bias"), headNorm: "head.norm", head: "head.fc"),
    Keys(
      stem: "features.0", downsample: { "features.\(2 * $0)" }, block: { "features.\(2 * $0 + 1).\($1)" },
      depthwise: "block.0", norm: "block.2", expand: "block.3", project: "block.5",
      layerScale: "layer_scale", response: ("", ""), headNorm: "classifier.0", head: "classifier.2"),
    Keys(
      stem: "downsample_layers.0", downsample: { "downsample_layers.\($0)" }, block: { "stages.\($0).\($1)" },
      depthwise: "dwconv", norm: "norm", expand: "pwconv1", project: "pwconv2", layerScale: "gamma",
      response: ("grn.gamma", "grn.beta"), headNorm: "norm", head: "head"),
  ]

  private enum Stem: String {
    /// One convolution whose stride is its kernel.
    case patches
    /// Two 3x3 convolutions of stride 2.
    case overlapping
  }

  private enum Head: String {
    /// The mean, then a LayerNorm.
    case plain
    /// As `plain`, with a hidden layer before the classifier.
    case hidden
    /// A LayerNorm, then the mean.
    case normFirst
  }

  private struct Published {
    let name: String
    let blocks: [Int]
    let width: Int
    var widths: [Int]?
    var kernels = [7, 7, 7, 7]
    var stem = Stem.patches
    var head = Head.plain
    /// True if the layers of a block are stored as 1x1 convolutions.
    var isConvolutional = false
    var eps = 1e-6
    var activation = Activation.gelu

    var isV2: Bool { name.hasPrefix("convnextv2") }
    var allWidths: [Int] { widths ?? (0..<4).map { width << $0 } }
  }

  private static let published: [Published] = {
    let sizes: [(String, [Int], Int)] = [
      ("atto", [2, 2, 6, 2], 40), ("femto", [2, 2, 6, 2], 48), ("pico", [2, 2, 6, 2], 64),
      ("nano", [2, 2, 8, 2], 80), ("tiny", [3, 3, 9, 3], 96), ("small", [3, 3, 27, 3], 96),
      ("base", [3, 3, 27, 3], 128), ("large", [3, 3, 27, 3], 192), ("xlarge", [3, 3, 27, 3], 256),
      ("huge", [3, 3, 27, 3], 352),
    ]
    var all: [Published] = []
    for (size, blocks, width) in sizes {
      let isSmall = width < 96
      if size != "huge" {
        all.append(
          Published(name: "convnext_\(size)", blocks: blocks, width: width, isConvolutional: isSmall))
      }
      if size != "xlarge" {
        all.append(
          Published(name: "convnextv2_\(size)", blocks: blocks, width: width, isConvolutional: isSmall))
      }
      if isSmall {
        all.append(
          Published(
            name: "convnext_\(size)_ols", blocks: blocks, width: width, stem: .overlapping,
            isConvolutional: true))
      }
    }
    let test = { (name: String, blocks: [Int], widths: [Int], kernels: [Int], activation: Activation) in
      Published(
        name: name, blocks: blocks, width: widths[0], widths: widths, kernels: kernels, eps: 1e-5,
        activation: activation)
    }
    return all + [
      Published(
        name: "convnext_tiny_hnf", blocks: [3, 3, 9, 3], width: 96, head: .normFirst, isConvolutional: true),
      Published(name: "convnext_large_mlp", blocks: [3, 3, 27, 3], width: 192, head: .hidden),
      Published(name: "convnext_xxlarge", blocks: [3, 4, 30, 3], width: 384, eps: 1e-5),
      test("test_convnext", [1, 2, 4, 2], [24, 32, 48, 64], [7, 7, 7, 7], .geluTanh),
      test("test_convnext2", [1, 1, 1, 1], [32, 64, 96, 128], [7, 7, 7, 7], .geluTanh),
      test("test_convnext3", [1, 1, 1, 1], [32, 64, 96, 128], [7, 5, 5, 3], .silu),
    ]
  }()

  static let names = ["convnext"] + published.map(\.name)

  let name: String
  private let keys: Keys
  private let blocks: [Int]
  private let stem: Stem
  private let head: Head
  private let isV2: Bool
  private let eps: Double
  private let activation: Activation

  var headName: String { keys.head }

  private static func keys(of state: StateDict) -> Keys? {
    libraries.first { keys in
      let block = keys.block(0, 0)
      return state.isConvolution(keys.stem + ".0.weight")
        && state.isConvolution("\(block).\(keys.depthwise).weight")
        && state.contains("\(block).\(keys.norm).weight") && state.headName(keys.head) != nil
    }
  }

  static func recognises(_ state: StateDict) -> Bool { keys(of: state) != nil }

  init(_ state: StateDict, name requested: String?) throws {
    guard let keys = Self.keys(of: state) else {
      throw NetworkError.otherArchitecture(
        label: state.label, requested: requested ?? "convnext", found: "other tensors")
    }
    self.keys = keys
    var blocks: [Int] = []
    var widths: [Int] = []
    var kernels: [Int] = []
    func depthwise(_ index: Int) -> String { keys.block(blocks.count, index) + ".\(keys.depthwise).weight" }
    while let shape = state.shape(depthwise(0)), shape.count == 4 {
      let count = (0...).prefix { state.contains(depthwise($0)) }.count
      blocks.append(count)
      widths.append(shape[0])
      kernels.append(shape[3])
    }
    stem =
      state.isConvolution(keys.stem + ".1.weight") || state.isConvolution(keys.stem + ".2.weight")
      ? .overlapping : .patches
    head =
      state.contains("norm_pre.weight")
      ? .normFirst : state.contains("head.pre_logits.fc.weight") ? .hidden : .plain
    let first = keys.block(0, 0)
    let isV2 = !state.contains("\(first).\(keys.layerScale)")
    let isConvolutional = state.isConvolution("\(first).\(keys.expand).weight")
    let (stem, head) = (stem, head)
    let match = Self.published.first {
      $0.blocks == blocks && $0.allWidths == widths && $0.kernels == kernels && $0.stem == stem
        && $0.head == head && $0.isV2 == isV2 && $0.isConvolutional == isConvolutional
    }
    self.blocks = blocks
    self.isV2 = isV2
    eps = match?.eps ?? 1e-6
    activation = match?.activation ?? .gelu
    var description = "convnext \(list(blocks)) widths \(list(widths))"
    if isV2 { description += " v2" }
    if stem == .overlapping { description += " overlapping stem" }
    if head != .plain { description += head == .hidden ? " hidden layer" : " norm first" }
    name = match?.name ?? description
    if let requested, requested != "convnext", Self.names.contains(requested), requested != name {
      throw NetworkError.otherArchitecture(label: state.label, requested: requested, found: name)
    }
  }

  func build(_ b: inout GraphBuilder) throws -> GraphBuilder.Value {
    var x = try buildStem(&b)
    for (stage, count) in blocks.enumerated() {
      let downsample = keys.downsample(stage)
      // A stem of stride 2 leaves it to the first stage to halve the map.
      if stage > 0 || (downsample != keys.stem && b.state.contains("\(downsample).1.weight")) {
        x = try b.layerNorm(x, "\(downsample).0", eps: eps)
        x = try b.convolution(x, "\(downsample).1", kernel: 2, stride: 2, padding: .all(0))
      }
      for index in 0..<count { x = try block(&b, x, keys.block(stage, index)) }
    }
    if head == .normFirst {
      x = try b.layerNorm(x, "norm_pre", eps: eps)
      return try b.head(b.globalAverage(x), keys.head)
    }
    x = try b.layerNorm(b.globalAverage(x), keys.headNorm, eps: eps)
    if head == .hidden { x = b.activation(try b.pointwise(x, "head.pre_logits.fc"), .gelu) }
    return try b.head(x, keys.head)
  }

  private func buildStem(_ b: inout GraphBuilder) throws -> GraphBuilder.Value {
    let stem = keys.stem
    var x = b.input()
    if self.stem == .patches {
      let patch = b.state.shape(stem + ".0.weight")?.last ?? 4
      x = try b.convolution(x, stem + ".0", kernel: patch, stride: patch, padding: .all(0))
      return try b.layerNorm(x, stem + ".1", eps: eps)
    }
    x = try b.convolution(x, stem + ".0", kernel: 3, stride: 2)
    x = try b.convolution(x, stem + ".1", kernel: 3, stride: 2)
    return try b.layerNorm(x, stem + ".2", eps: eps)
  }

  private func block(
    _ b: inout GraphBuilder, _ x: GraphBuilder.Value, _ name: String
  ) throws -> GraphBuilder.Value {
    let depthwise = "\(name).\(keys.depthwise)"
    // Kernels of an even size would not be centered.
    let kernel = b.state.shape(depthwise + ".weight")?.last ?? 7
    var y = try b.convolution(x, depthwise, kernel: kernel % 2 == 1 ? kernel : 7, groups: .depthwise)
    y = try b.layerNorm(y, "\(name).\(keys.norm)", eps: eps)
    y = b.activation(try b.pointwise(y, "\(name).\(keys.expand)"), activation)
    if isV2 {
      let (weight, bias) = keys.response
      y = try b.globalResponseNorm(y, weight: "\(name).\(weight)", bias: "\(name).\(bias)", eps: 1e-6)
    }
    let project = "\(name).\(keys.project)"
    y = try b.pointwise(y, project, outputs: x.channels)
    if !isV2 { y = try b.layerScale(y, "\(name).\(keys.layerScale)") }
    return try b.add(y, x, project)
  }
}
