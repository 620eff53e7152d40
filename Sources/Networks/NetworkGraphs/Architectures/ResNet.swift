/// ResNet, ResNeXt and Wide ResNet with torchvision's (and timm's equal) key names, also with timm's deep
/// stem, averaged shortcuts (ResNet-D), gates of channels, strided convolution in place of the stem's pooling
/// (ResNet-RS), and means or blurs in place of strides.
///
/// He et al., "Deep Residual Learning for Image Recognition" (2016); Xie et al., "Aggregated Residual
/// Transformations" (2017); Zagoruyko, Komodakis, "Wide Residual Networks" (2016); He et al., "Bag of Tricks"
/// (2019); Hu et al., "Squeeze-and-Excitation Networks" (2018); Wang et al., "ECA-Net" (2020); Bello et al.,
/// "Revisiting ResNets" (2021); Zhang, "Making Convolutional Networks Shift-Invariant Again" (2019). In a
/// Bottleneck the 3x3 convolution strides ("V1.5"), as in torchvision.
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
    return own + own.map { $0 + smallImages } + antiAliased.values.flatMap { $0 }.sorted()
  }()

  /// Ending of the names of networks for images of 32 pixels or so: a stem of 3x3 that neither strides nor pools. That
  /// does not show in the tensors.
  private static let smallImages = "-cifar"

  /// timm's networks that pool or blur where others stride, which no key shows, by what their tensors show; `d` marks
  /// deep stem and averaged shortcuts.
  private static let antiAliased: [String: [String]] = [
    "[2,2,2,2] basic": ["resnetblur18"], "[3,4,6,3] bottleneck": ["resnetaa50", "resnetblur50"],
    "[3,4,6,3] basic d": ["resnetaa34d"], "[3,4,6,3] bottleneck d": ["resnetaa50d", "resnetblur50d"],
    "[3,4,23,3] bottleneck d": ["resnetaa101d", "resnetblur101d"],
    "[3,4,6,3] bottleneck d gated": ["seresnetaa50d"],
    "[3,4,23,3] bottleneck d 32x8 gated": ["seresnextaa101d_32x8d"],
    "[3,24,36,4] bottleneck width 128 d 32x8 gated": ["seresnextaa201d_32x8d"],
  ]

  /// Networks of that kind without a published plain one of the same tensors: whoever has these, has them.
  private static let onlyAntiAliased: Set = ["seresnetaa50d", "seresnextaa201d_32x8d"]

  /// The step that halves maps.
  private enum Halving {
    case stride, mean, blur

    init(of name: String) { self = name.contains("blur") ? .blur : name.contains("aa") ? .mean : .stride }
  }

  let name: String
  let rarer: [String]
  private let blocks: [Int]
  private let isBottleneck: Bool
  private let isForSmallImages: Bool
  private let halving: Halving

  let headName = "fc"

  static func recognises(_ state: StateDict) -> Bool {
    (state.isConvolution("conv1.weight") || state.isConvolution("conv1.6.weight"))
      && state.contains("bn1.running_mean")
      && state.isConvolution("layer1.0.conv1.weight") && state.isConvolution("layer1.0.conv2.weight")
      && state.headName("fc") != nil
  }

  init(_ state: StateDict, name requested: String?) throws {
    let blocks = state.residualBlocks(".conv1.weight")
    let isBottleneck = state.contains("layer1.0.conv3.weight")
    // The depth and width of conv2 determine the groups; the stem's width scales them all.
    let shape = state.shape("layer1.0.conv2.weight") ?? []
    let isDeep = state.contains("conv1.0.weight")
    let base = state.shape(isDeep ? "conv1.6.weight" : "conv1.weight")?.first ?? 0
    // Tiered stems begin with three quarters of half the width.
    let isTiered = isDeep && state.shape("conv1.0.weight")?.first != base / 2
    let isGated = state.contains("layer1.0.se.fc1.weight")
    let attends = state.contains("layer1.0.se.conv.weight")
    let isPoolReplaced = state.isConvolution("maxpool.0.weight")
    let averages = (1...4).contains { state.isConvolution("layer\($0).0.downsample.1.weight") }
    let (width, depth) = shape.count == 4 ? (shape[0], max(shape[1], 1)) : (0, 1)
    let groups = (state.shape("layer1.0.conv1.weight")?.first ?? 0) / depth
    let isPlain = !isDeep && !isGated && !averages && !attends && !isPoolReplaced
    let match = Self.published.first {
      isPlain && $0.blocks == blocks && $0.isBottleneck == isBottleneck && base == 64 && $0.groups == groups
        && $0.groups * $0.widthPerGroup == width
    }
    var description = "resnet \(list(blocks))" + (isBottleneck ? " bottleneck" : " basic") + " width \(base)"
    if isBottleneck && (groups != 1 || width != base) { description += " groups \(groups)x\(depth)" }
    if isDeep { description += isTiered ? " tiered stem" : " deep stem" }
    if isPoolReplaced { description += " strided stem" }
    if averages { description += " averaged shortcuts" }
    if isGated { description += " gated" }
    if attends { description += " efficient channel attention" }
    isForSmallImages = requested?.hasSuffix(Self.smallImages) ?? false
    if !isForSmallImages, !isDeep, state.shape("conv1.weight")?.suffix(2) == [3, 3] {
      throw NetworkError.ambiguous(
        label: state.label, candidates: [(match?.name ?? "resnet") + Self.smallImages])
    }
    var kind = "\(list(blocks)) \(isBottleneck ? "bottleneck" : "basic")"
    if base != 64 { kind += " width \(base)" }
    if isDeep { kind += " d" }
    if isBottleneck && (groups != 1 || width != base) { kind += " \(groups)x\(depth)" }
    if isGated { kind += " gated" }
    if isDeep != averages || isTiered || attends || isPoolReplaced { kind = "" }
    let antiAliased = Self.antiAliased[kind] ?? []
    if requested == nil, let only = antiAliased.first, Self.onlyAntiAliased.contains(only) {
      throw NetworkError.ambiguous(label: state.label, candidates: [only])
    }
    rarer = requested == nil ? antiAliased : []
    let plain = (match?.name ?? description) + (isForSmallImages ? Self.smallImages : "")
    if let requested, Self.antiAliased.values.contains(where: { $0.contains(requested) }) {
      guard antiAliased.contains(requested) else {
        throw NetworkError.otherArchitecture(label: state.label, requested: requested, found: plain)
      }
      (name, halving) = (requested, Halving(of: requested))
    } else {
      (name, halving) = (plain, .stride)
    }
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
    if isForSmallImages {
      x = try b.convolutionNorm(x, "conv1", "bn1", kernel: 3, .relu)
    } else {
      x = try b.residualStem(x)
      switch halving {
      case .stride: x = try b.residualStemPool(x)
      case .mean: x = b.averagePool(x, Window(2, stride: 2))
      case .blur: x = b.blurPool(b.maxPool(x, Window(3, stride: 1, padding: 1)))
      }
    }
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
    let shortcut = try b.residualShortcut(x, name, stride: stride)
    let isBottleneck = b.state.contains("\(name).conv3.weight")
    let last = isBottleneck ? "\(name).conv3" : "\(name).conv2"
    var y = x
    if isBottleneck {
      y = try b.convolutionNorm(y, "\(name).conv1", "\(name).bn1", kernel: 1, .relu)
      y = try halved(&b, y, "\(name).conv2", "\(name).bn2", stride: stride, groups: .fromShape)
      y = try b.convolutionNorm(y, last, "\(name).bn3", kernel: 1, .identity)
    } else {
      y = try halved(&b, y, "\(name).conv1", "\(name).bn1", stride: stride, groups: .one)
      y = try b.convolutionNorm(y, last, "\(name).bn2", kernel: 3, .identity)
    }
    if b.state.contains("\(name).se.fc1.weight") {
      y = try b.squeezeExcite(y, "\(name).se.fc1", "\(name).se.fc2", .relu, gate: .sigmoid)
    } else if b.state.contains("\(name).se.conv.weight") {
      y = try b.channelAttention(y, "\(name).se.conv")
    }
    return b.activation(try b.add(y, shortcut, last), .relu)
  }

  /// The 3x3 convolution of a block that halves the map, or not, at a stride of 1.
  private func halved(
    _ b: inout GraphBuilder, _ x: GraphBuilder.Value, _ convolution: String, _ norm: String, stride: Int,
    groups: GraphBuilder.Groups
  ) throws -> GraphBuilder.Value {
    let y = try b.convolutionNorm(
      x, convolution, norm, kernel: 3, stride: halving == .stride ? stride : 1, groups: groups, .relu)
    guard stride > 1 else { return y }
    switch halving {
    case .stride: return y
    case .mean: return b.averagePool(y, Window(stride, stride: stride))
    case .blur: return b.blurPool(y, stride: stride)
    }
  }
}

/// Parts that ResNet shares with its kin of timm, whose blocks differ.
extension GraphBuilder {
  /// Stem, stages of blocks and classifier.
  ///
  /// - Parameter block: Adds the block of the given name and stride.
  mutating func residualNetwork(
    _ blocks: [Int], block: (inout GraphBuilder, Value, _ name: String, _ stride: Int) throws -> Value
  ) throws -> Value {
    var x = try residualStemPool(residualStem(input()))
    for (stage, count) in blocks.enumerated() {
      for index in 0..<count {
        x = try block(&self, x, "layer\(stage + 1).\(index)", stage > 0 && index == 0 ? 2 : 1)
      }
    }
    return try head(globalAverage(x), "fc")
  }

  /// One convolution of 7x7, or three of 3x3, of a stride of 2.
  mutating func residualStem(_ x: Value) throws -> Value {
    guard state.contains("conv1.0.weight") else {
      return try convolutionNorm(x, "conv1", "bn1", kernel: 7, stride: 2, .relu)
    }
    var y = try convolutionNorm(x, "conv1.0", "conv1.1", kernel: 3, stride: 2, .relu)
    y = try convolutionNorm(y, "conv1.3", "conv1.4", kernel: 3, .relu)
    return try convolutionNorm(y, "conv1.6", "bn1", kernel: 3, .relu)
  }

  /// The pooling after the stem, or the convolution in its place.
  mutating func residualStemPool(_ x: Value) throws -> Value {
    guard state.isConvolution("maxpool.0.weight") else {
      return maxPool(x, Window(3, stride: 2, padding: 1))
    }
    return try convolutionNorm(x, "maxpool.0", "maxpool.1", kernel: 3, stride: 2, .relu)
  }

  /// The summand of the residual block `name`: `x`, or a strided convolution of it, or a convolution of means
  /// (ResNet-D).
  mutating func residualShortcut(_ x: Value, _ name: String, stride: Int) throws -> Value {
    let layers = "\(name).downsample"
    if state.isConvolution("\(layers).0.weight") {
      // The first port of SENet takes 3x3 where it strides.
      let kernel = state.shape("\(layers).0.weight")?.last == 3 ? 3 : 1
      return try convolutionNorm(
        x, "\(layers).0", "\(layers).1", kernel: kernel, stride: stride, .identity)
    }
    guard state.isConvolution("\(layers).1.weight") else { return x }
    let means =
      stride > 1
      ? averagePool(x, Window(stride, stride: stride, ceilMode: true), countIncludePad: false) : x
    return try convolutionNorm(means, "\(layers).1", "\(layers).2", kernel: 1, .identity)
  }
}

extension StateDict {
  /// Blocks in each stage of a ResNet, counted by a key that every block has.
  func residualBlocks(_ suffix: String) -> [Int] {
    var blocks: [Int] = []
    while case let count = self.count("layer\(blocks.count + 1).", suffix), count > 0 { blocks.append(count) }
    return blocks
  }
}
