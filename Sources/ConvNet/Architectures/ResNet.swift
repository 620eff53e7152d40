/// ResNet, ResNeXt and Wide ResNet with torchvision's (and timm's equal) key names.
///
/// He et al., "Deep Residual Learning for Image Recognition" (2016); Xie et al., "Aggregated Residual Transformations"
/// (2017); Zagoruyko, Komodakis, "Wide Residual Networks" (2016). Of a Bottleneck it is the 3x3 convolution that
/// strides ("V1.5"), as in torchvision.
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

  static let names = ["resnet"] + published.map(\.name)

  let name: String
  private let blocks: [Int]
  private let isBottleneck: Bool

  static func recognises(_ state: StateDict) -> Bool {
    state.isConvolution("conv1.weight") && state.contains("bn1.running_mean")
      && state.isConvolution("layer1.0.conv1.weight") && state.isConvolution("layer1.0.conv2.weight")
      && state.contains("fc.weight")
  }

  init(_ state: StateDict, name requested: String?) throws {
    var blocks: [Int] = []
    while case let count = state.count("layer\(blocks.count + 1).", ".conv1.weight"), count > 0 {
      blocks.append(count)
    }
    let isBottleneck = state.contains("layer1.0.conv3.weight")
    // conv2 tells the groups by its depth and the width; the stem's width scales them all.
    let shape = state.shape("layer1.0.conv2.weight") ?? []
    let base = state.shape("conv1.weight")?.first ?? 0
    let (width, depth) = shape.count == 4 ? (shape[0], max(shape[1], 1)) : (0, 1)
    let groups = width / depth
    let match = Self.published.first {
      $0.blocks == blocks && $0.isBottleneck == isBottleneck && base == 64 && $0.groups == groups
        && $0.groups * $0.widthPerGroup == width
    }
    var description = "resnet [\(blocks.map(String.init).joined(separator: ","))]"
    description += isBottleneck ? " bottleneck" : " basic"
    description += " width \(base)"
    if isBottleneck && (groups != 1 || width != base) { description += " groups \(groups)x\(depth)" }
    self.name = match?.name ?? description
    self.blocks = blocks
    self.isBottleneck = isBottleneck

    guard let requested, let wanted = Self.published.first(where: { $0.name == requested }) else { return }
    // The width is free: a slim resnet18 is still one.
    guard wanted.blocks == blocks && wanted.isBottleneck == isBottleneck else {
      throw ConvNetError.otherArchitecture(label: state.label, requested: requested, found: self.name)
    }
  }

  func build(_ b: inout GraphBuilder) throws -> GraphBuilder.Value {
    var x = b.input()
    x = try b.convolution(x, "conv1", stride: 2)
    x = try b.batchNorm(x, "bn1")
    x = b.activation(x, .relu)
    x = b.maxPool(x, Window(3, stride: 2, padding: 1))
    for (stage, count) in blocks.enumerated() {
      for index in 0..<count {
        let stride = stage > 0 && index == 0 ? 2 : 1
        x = try block(&b, x, "layer\(stage + 1).\(index)", stride: stride)
      }
    }
    x = b.globalAverage(x)
    return try b.linear(x, "fc")
  }

  private func block(
    _ b: inout GraphBuilder, _ x: GraphBuilder.Value, _ name: String, stride: Int
  ) throws -> GraphBuilder.Value {
    var shortcut = x
    if b.state.contains("\(name).downsample.0.weight") {
      shortcut = try b.convolution(x, "\(name).downsample.0", stride: stride)
      shortcut = try b.batchNorm(shortcut, "\(name).downsample.1")
    }
    var y = try b.convolution(x, "\(name).conv1", stride: isBottleneck ? 1 : stride)
    y = try b.batchNorm(y, "\(name).bn1")
    y = b.activation(y, .relu)
    y = try b.convolution(y, "\(name).conv2", stride: isBottleneck ? stride : 1)
    y = try b.batchNorm(y, "\(name).bn2")
    if isBottleneck {
      y = b.activation(y, .relu)
      y = try b.convolution(y, "\(name).conv3")
      y = try b.batchNorm(y, "\(name).bn3")
    }
    y = try b.add(y, shortcut, isBottleneck ? "\(name).conv3" : "\(name).conv2")
    return b.activation(y, .relu)
  }
}
