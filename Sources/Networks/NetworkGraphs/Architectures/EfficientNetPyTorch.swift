import Checkpoint

/// EfficientNet and EfficientNet-Lite with the key names of the packages `efficientnet_pytorch` and
/// `efficientnet_lite_pytorch`, whose weights are TensorFlow's.
///
/// Blocks are numbered through, `_blocks.0` to the last, so that a network's stages follow from its depth alone; the
/// widths must be those of the published network of that depth, as its activation and its strides do not show either.
///
/// Source: `efficientnet_pytorch/model.py` and `utils.py`.
struct EfficientNetPyTorch: Architecture {
  /// Blocks of every stage: B0 to B8, L2, Lite1 to Lite4; Lite0 is as deep as B0.
  private static let depths = [
    [1, 2, 2, 3, 3, 4, 1], [2, 3, 3, 4, 4, 5, 2], [2, 3, 3, 5, 5, 6, 2], [2, 4, 4, 6, 6, 8, 2],
    [3, 5, 5, 7, 7, 9, 3], [3, 6, 6, 8, 8, 11, 3], [4, 7, 7, 10, 10, 13, 4], [4, 8, 8, 11, 11, 15, 4],
    [6, 11, 11, 16, 16, 22, 6], [1, 3, 3, 4, 4, 5, 1], [1, 3, 3, 5, 5, 6, 1], [1, 4, 4, 6, 6, 8, 1],
  ]
  private static let sizes =
    (0...8).map { "b\($0)" } + ["l2"] + (0...4).map { "lite\($0)" }
  /// timm's names of the ports, and the packages' own, such as `efficientnet-b0`.
  static let names = sizes.map { "efficientnet-\($0)" } + sizes.map { "tf_efficientnet_\($0)" }

  let name: String
  private let blocks: [Int]

  let headName = "_fc"
  let assumption: String?

  static func recognises(_ state: StateDict) -> Bool {
    state.isConvolution("_conv_stem.weight") && state.contains("_bn0.running_mean")
      && state.isConvolution("_blocks.0._depthwise_conv.weight") && state.isConvolution("_conv_head.weight")
  }

  init(_ state: StateDict, name requested: String?) throws {
    let count = state.count("_blocks.", "._depthwise_conv.weight")
    let found = Self.depths.lazy.filter { $0.reduce(0, +) == count }.compactMap { depths in
      let layout = Self.layout(state, stages: depths, head: "_fc")
      return PublishedNames.names(of: layout).first { $0.hasPrefix("tf_") }.map { (depths, $0) }
    }.first
    guard let found else {
      throw NetworkError.unknownArchitecture(
        label: state.label,
        recognised: "\(count) blocks named as in efficientnet_pytorch, of none of its published sizes",
        known: [])
    }
    (blocks, name) = found
    // The packages' modules pad for the one size of images that they were made for.
    assumption =
      requested == nil
      ? "padding as TensorFlow's for each size of images; efficientnet_pytorch pads any image as one of image_size"
      : nil
    if let requested, requested != name, "tf_" + requested.replacing("-", with: "_") != name {
      throw NetworkError.otherArchitecture(label: state.label, requested: requested, found: name)
    }
  }

  /// The layout under timm's names, with blocks numbered within stages.
  private static func layout(_ state: StateDict, stages: [Int], head: String) -> Layout {
    let places = stages.enumerated().flatMap { stage, count in (0..<count).map { "blocks.\(stage).\($0)" } }
    let outer = [
      "_conv_stem": "conv_stem", "_bn0": "bn1", "_conv_head": "conv_head", "_bn1": "bn2",
      state.headName(head) ?? head: "classifier",
    ]
    let expanding = [
      "_expand_conv": "conv_pw", "_bn0": "bn1", "_depthwise_conv": "conv_dw", "_bn1": "bn2",
      "_se_reduce": "se.conv_reduce", "_se_expand": "se.conv_expand", "_project_conv": "conv_pwl",
      "_bn2": "bn3",
    ]
    let separable = expanding.merging(["_bn1": "bn1", "_project_conv": "conv_pw", "_bn2": "bn2"]) { $1 }
    var names: [TensorName: String] = [:]
    let tensors = ["weight", "bias", "running_mean", "running_var"]
    for (own, published) in outer {
      for tensor in tensors { names[TensorName("\(own).\(tensor)")] = "\(published).\(tensor)" }
    }
    for (index, place) in places.enumerated() {
      let isExpanding = state.contains("_blocks.\(index)._expand_conv.weight")
      for (own, published) in isExpanding ? expanding : separable {
        for tensor in tensors {
          names[TensorName("_blocks.\(index).\(own).\(tensor)")] = "\(place).\(published).\(tensor)"
        }
      }
    }
    // Tensors with other names are left over, which the builder reports.
    let specs = state.source.tensors.compactMap { spec in
      names[spec.name].map { TensorSpec(name: TensorName($0), dtype: spec.dtype, shape: spec.shape) }
    }
    return Layout(specs, head: "classifier", ownHead: "classifier")
  }

  func build(_ b: inout GraphBuilder) throws -> GraphBuilder.Value {
    (b.eps, b.momentum, b.defaultPadding) = (1e-3, 0.01, .same)
    let activation: Activation = name.contains("lite") ? .relu6 : .silu
    let strides = [1, 2, 2, 2, 1, 2, 1]
    var x = b.input()
    x = try b.convolutionNorm(x, "_conv_stem", "_bn0", kernel: 3, stride: 2, activation)
    var number = 0
    for (stage, count) in blocks.enumerated() {
      for index in 0..<count {
        x = try block(&b, x, "_blocks.\(number)", index == 0 ? strides[stage] : 1, activation)
        number += 1
      }
    }
    x = try b.convolutionNorm(x, "_conv_head", "_bn1", activation)
    return try b.head(b.globalAverage(x), "_fc")
  }

  private func block(
    _ b: inout GraphBuilder, _ x: GraphBuilder.Value, _ name: String, _ stride: Int, _ activation: Activation
  ) throws -> GraphBuilder.Value {
    var y = x
    if b.state.contains("\(name)._expand_conv.weight") {
      y = try b.convolutionNorm(y, "\(name)._expand_conv", "\(name)._bn0", activation)
    }
    y = try b.convolutionNorm(
      y, "\(name)._depthwise_conv", "\(name)._bn1", stride: stride, groups: .depthwise, activation)
    if b.state.contains("\(name)._se_reduce.weight") {
      y = try b.squeezeExcite(y, "\(name)._se_reduce", "\(name)._se_expand", activation, gate: .sigmoid)
    }
    let last = "\(name)._project_conv"
    y = try b.convolutionNorm(y, last, "\(name)._bn2", .identity)
    return stride == 1 && y.channels == x.channels ? try b.add(y, x, last) : y
  }
}
