/// ResNet, ResNeXt and Wide ResNet with torchvision's (and timm's equal) key names, also with timm's deep
/// stem, averaged shortcuts (ResNet-D) and squeeze-and-excitation gates.
///
/// He et al., "Deep Residual Learning for Image Recognition" (2016); Xie et al., "Aggregated Residual
/// Transformations" (2017); Zagoruyko, Komodakis, "Wide Residual Networks" (2016); He et al., "Bag of Tricks"
/// (2019); Hu et al., "Squeeze-and-Excitation Networks" (2018). In a Bottleneck the 3x3 convolution strides
/// ("V1.5"), as in torchvision.
struct ResNet: Architecture {
  private struct Published {
    let name: String
    let blocks: [Int]
    let isBottleneck: Bool
    var groups = 1
    var widthPerGroup = 64
  }

  private static let published: [Published] = [
    Published(name: "resnet18", blocks: [2, 2, 2, 2], isBottleneck: false),
    Published(name: "resnet34", blocks: [3, 4, 6, 3], isBottleneck: false),
    Published(name: "resnet50", blocks: [3, 4, 6, 3], isBottleneck: true),
    Published(name: "resnet101", blocks: [3, 4, 23, 3], isBottleneck: true),
    Published(name: "resnet152", blocks: [3, 8, 36, 3], isBottleneck: true),
    Published(
      name: "resnext50_32x4d", blocks: [3, 4, 6, 3], isBottleneck: true, groups: 32, widthPerGroup: 4),
    Published(
      name: "resnext101_32x8d", blocks: [3, 4, 23, 3], isBottleneck: true, groups: 32, widthPerGroup: 8),
    Published(
      name: "resnext101_64x4d", blocks: [3, 4, 23, 3], isBottleneck: true, groups: 64, widthPerGroup: 4),
    Published(name: "wide_resnet50_2", blocks: [3, 4, 6, 3], isBottleneck: true, widthPerGroup: 128),
    Published(name: "wide_resnet101_2", blocks: [3, 4, 23, 3], isBottleneck: true, widthPerGroup: 128),
  ]

  static let names: [String] = {
    let own = ["resnet"] + published.map(\.name)
    return own + own.map { $0 + smallImages }
  }()

  /// Ending of the names of networks for images of 32 pixels or so: a stem of 3x3 that neither strides nor pools. That
  /// does not show in the tensors.
  private static let smallImages = "-cifar"

  /// timm's networks that pool or blur where these stride, which no key shows; by blocks, `d` marks deep stem
  /// and averaged shortcuts.
  private static let rarer: [String: [String]] = [
    "[2,2,2,2] basic": ["resnetblur18"], "[3,4,6,3] bottleneck": ["resnetaa50", "resnetblur50"],
    "[3,4,6,3] basic d": ["resnetaa34d"], "[3,4,6,3] bottleneck d": ["resnetaa50d", "resnetblur50d"],
    "[3,4,23,3] bottleneck d": ["resnetaa101d", "resnetblur101d"],
    "[3,4,23,3] bottleneck d 32x8 gated": ["seresnextaa101d_32x8d"],
  ]

  /// Networks of that kind without a published plain one of the same tensors: whoever has these, has them.
  private static let onlyRare = [
    "[3,4,6,3] bottleneck d gated": "seresnetaa50d",
    "[3,24,36,4] bottleneck d 32x8 gated": "seresnextaa201d_32x8d",
  ]

  let name: String
  let rarer: [String]
  private let blocks: [Int]
  private let isBottleneck: Bool
  private let isForSmallImages: Bool

  let headName = "fc"

  static func recognises(_ state: StateDict) -> Bool {
    (state.isConvolution("conv1.weight") || state.isConvolution("conv1.6.weight"))
      && state.contains("bn1.running_mean")
      && state.isConvolution("layer1.0.conv1.weight") && state.isConvolution("layer1.0.conv2.weight")
      && state.headName("fc") != nil
  }

  init(_ state: StateDict, name requested: String?) throws {
    var blocks: [Int] = []
    while case let count = state.count("layer\(blocks.count + 1).", ".conv1.weight"), count > 0 {
      blocks.append(count)
    }
    let isBottleneck = state.contains("layer1.0.conv3.weight")
    // The depth and width of conv2 determine the groups; the stem's width scales them all.
    let shape = state.shape("layer1.0.conv2.weight") ?? []
    let isDeep = state.contains("conv1.0.weight")
    let base = state.shape(isDeep ? "conv1.6.weight" : "conv1.weight")?.first ?? 0
    let isGated = state.contains("layer1.0.se.fc1.weight")
    let averages = (1...4).contains { state.isConvolution("layer\($0).0.downsample.1.weight") }
    let (width, depth) = shape.count == 4 ? (shape[0], max(shape[1], 1)) : (0, 1)
    let groups = width / depth
    let isPlain = !isDeep && !isGated && !averages
    let match = Self.published.first {
      isPlain && $0.blocks == blocks && $0.isBottleneck == isBottleneck && base == 64 && $0.groups == groups
        && $0.groups * $0.widthPerGroup == width
    }
    var description = "resnet \(list(blocks))" + (isBottleneck ? " bottleneck" : " basic") + " width \(base)"
    if isBottleneck && (groups != 1 || width != base) { description += " groups \(groups)x\(depth)" }
    if isDeep { description += " deep stem" }
    if averages { description += " averaged shortcuts" }
    if isGated { description += " gated" }
    isForSmallImages = requested?.hasSuffix(Self.smallImages) ?? false
    if !isForSmallImages, !isDeep, state.shape("conv1.weight")?.suffix(2) == [3, 3] {
      throw NetworkError.ambiguous(
        label: state.label, candidates: [(match?.name ?? "resnet") + Self.smallImages])
    }
    self.name = (match?.name ?? description) + (isForSmallImages ? Self.smallImages : "")
    let isD = isDeep && averages
    var kind = "\(list(blocks)) \(isBottleneck ? "bottleneck" : "basic")" + (isD ? " d" : "")
    if isBottleneck && (groups != 1 || width != base) { kind += " \(groups)x\(depth)" }
    if isGated { kind += " gated" }
    if base != 64 || isDeep != averages { kind = "" }
    if requested == nil, let rare = Self.onlyRare[kind] {
      throw NetworkError.unknownArchitecture(
        label: state.label,
        recognised: "\(description), or \(rare), which pools where the former strides", known: [])
    }
    rarer = requested == nil ? Self.rarer[kind] ?? [] : []
    self.blocks = blocks
    self.isBottleneck = isBottleneck

    guard let requested,
      let wanted = Self.published.first(where: {
        requested == $0.name + (isForSmallImages ? Self.smallImages : "")
      })
    else { return }
    // The width is free: a slim resnet18 is still one.
    guard wanted.blocks == blocks && wanted.isBottleneck == isBottleneck else {
      throw NetworkError.otherArchitecture(label: state.label, requested: requested, found: self.name)
    }
  }

  func build(_ b: inout GraphBuilder) throws -> GraphBuilder.Value {
    var x = b.input()
    if b.state.contains("conv1.0.weight") {
      x = try b.convolutionNorm(x, "conv1.0", "conv1.1", kernel: 3, stride: 2, .relu)
      x = try b.convolutionNorm(x, "conv1.3", "conv1.4", kernel: 3, .relu)
      x = try b.convolutionNorm(x, "conv1.6", "bn1", kernel: 3, .relu)
    } else if isForSmallImages {
      x = try b.convolutionNorm(x, "conv1", "bn1", kernel: 3, .relu)
    } else {
      x = try b.convolutionNorm(x, "conv1", "bn1", kernel: 7, stride: 2, .relu)
    }
    if !isForSmallImages { x = b.maxPool(x, Window(3, stride: 2, padding: 1)) }
    for (stage, count) in blocks.enumerated() {
      for index in 0..<count {
        let stride = stage > 0 && index == 0 ? 2 : 1
        x = try block(&b, x, "layer\(stage + 1).\(index)", stride: stride)
      }
    }
    x = b.globalAverage(x)
    return try b.head(x, "fc")
  }

  private func block(
    _ b: inout GraphBuilder, _ x: GraphBuilder.Value, _ name: String, stride: Int
  ) throws -> GraphBuilder.Value {
    var shortcut = x
    if b.state.isConvolution("\(name).downsample.0.weight") {
      shortcut = try b.convolutionNorm(
        x, "\(name).downsample.0", "\(name).downsample.1", kernel: 1, stride: stride, .identity)
    } else if b.state.isConvolution("\(name).downsample.1.weight") {
      // ResNet-D averages before a shortcut that does not stride.
      if stride > 1 {
        shortcut = b.averagePool(x, Window(stride, stride: stride, ceilMode: true), countIncludePad: false)
      }
      shortcut = try b.convolutionNorm(
        shortcut, "\(name).downsample.1", "\(name).downsample.2", kernel: 1, .identity)
    }
    var y = x
    if isBottleneck {
      y = try b.convolutionNorm(y, "\(name).conv1", "\(name).bn1", kernel: 1, .relu)
      y = try b.convolutionNorm(
        y, "\(name).conv2", "\(name).bn2", kernel: 3, stride: stride, groups: .fromShape, .relu)
      y = try b.convolutionNorm(y, "\(name).conv3", "\(name).bn3", kernel: 1, .identity)
    } else {
      y = try b.convolutionNorm(y, "\(name).conv1", "\(name).bn1", kernel: 3, stride: stride, .relu)
      y = try b.convolutionNorm(y, "\(name).conv2", "\(name).bn2", kernel: 3, .identity)
    }
    if b.state.contains("\(name).se.fc1.weight") {
      y = try b.squeezeExcite(y, "\(name).se.fc1", "\(name).se.fc2", .relu, gate: .sigmoid)
    }
    y = try b.add(y, shortcut, isBottleneck ? "\(name).conv3" : "\(name).conv2")
    return b.activation(y, .relu)
  }
}
