/// Selective-kernel ResNets with timm's key names.
///
/// Li et al., "Selective Kernel Networks" (2019): a convolution of a block is two of different dilation, whose results are
/// weighted channel by channel by a softmax.
struct SKNet: Architecture {
  static let names = ["skresnet"]

  let name: String
  private let blocks: [Int]
  private let isBottleneck: Bool

  let headName = "fc"

  static func recognises(_ state: StateDict) -> Bool {
    state.contains("bn1.running_mean") && state.headName("fc") != nil
      && ["conv1", "conv2"].contains { state.isConvolution("layer1.0.\($0).attn.fc_select.weight") }
  }

  init(_ state: StateDict, name requested: String?) throws {
    isBottleneck = state.isConvolution("layer1.0.conv2.attn.fc_select.weight")
    blocks = state.residualBlocks(isBottleneck ? ".conv3.conv.weight" : ".conv2.conv.weight")
    name = "skresnet \(list(blocks))" + (isBottleneck ? " bottleneck" : " basic")
  }

  func build(_ b: inout GraphBuilder) throws -> GraphBuilder.Value {
    try b.residualNetwork(blocks, block: block)
  }

  private func block(
    _ b: inout GraphBuilder, _ x: GraphBuilder.Value, _ name: String, stride: Int
  ) throws -> GraphBuilder.Value {
    let shortcut = try b.residualShortcut(x, name, stride: stride)
    var y = x
    if isBottleneck {
      y = try b.convolutionNorm(y, "\(name).conv1.conv", "\(name).conv1.bn", kernel: 1, .relu)
    }
    y = try selectiveKernel(&b, y, isBottleneck ? "\(name).conv2" : "\(name).conv1", stride: stride)
    let last = isBottleneck ? "\(name).conv3" : "\(name).conv2"
    y = try b.convolutionNorm(y, "\(last).conv", "\(last).bn", kernel: isBottleneck ? 1 : 3, .identity)
    return b.activation(try b.add(y, shortcut, "\(last).conv"), .relu)
  }

  private func selectiveKernel(
    _ b: inout GraphBuilder, _ x: GraphBuilder.Value, _ name: String, stride: Int
  ) throws -> GraphBuilder.Value {
    // Each convolution reads half of the channels, unless they are divided into groups anyway.
    let depth = b.state.shape("\(name).paths.0.conv.weight")?.dropFirst().first ?? 0
    let half = x.channels / 2
    let isSplit = depth == half && x.channels % 2 == 0
    let paths = try (0..<2).map { index in
      let input = isSplit ? b.slice(x, index * half..<(index + 1) * half) : x
      return try b.convolutionNorm(
        input, "\(name).paths.\(index).conv", "\(name).paths.\(index).bn", kernel: 3, stride: stride,
        dilation: index + 1, groups: .fromShape, .relu)
    }
    let sum = try b.add(paths[0], paths[1], "\(name).paths.1.conv")
    var factor = try b.convolutionNorm(
      b.globalAverage(sum), "\(name).attn.fc_reduce", "\(name).attn.bn", kernel: 1, .relu)
    factor = try b.convolution(factor, "\(name).attn.fc_select", kernel: 1)
    guard factor.channels == 2 * sum.channels else {
      throw NetworkError.wrongShape(
        label: b.state.label,
        tensor: try b.require("\(name).attn.fc_select.weight", shape: [nil, nil, 1, 1]),
        expected: [2 * sum.channels, nil, 1, 1])
    }
    return b.sumOfGroups(b.gate(b.concatenate(paths), by: b.softmax(factor, groups: 2)), 2)
  }
}
