/// Res2Net and Res2NeXt with timm's key names.
///
/// Gao et al., "Res2Net: A New Multi-scale Backbone Architecture" (2019): the middle convolution of a bottleneck is a row
/// of narrow ones, each of which also reads the result of the one before it.
struct Res2Net: Architecture {
  static let names = ["res2net"]

  let name: String
  private let blocks: [Int]

  let headName = "fc"

  static func recognises(_ state: StateDict) -> Bool {
    state.contains("bn1.running_mean") && state.isConvolution("layer1.0.conv1.weight")
      && state.isConvolution("layer1.0.convs.0.weight") && state.isConvolution("layer1.0.conv3.weight")
      && state.headName("fc") != nil
  }

  init(_ state: StateDict, name requested: String?) throws {
    blocks = state.residualBlocks(".conv1.weight")
    let width = state.shape("layer1.0.convs.0.weight")?.first ?? 0
    let total = state.shape("layer1.0.conv1.weight")?.first ?? 0
    name = "res2net \(list(blocks)) width \(width) scale \(total / max(width, 1))"
  }

  func build(_ b: inout GraphBuilder) throws -> GraphBuilder.Value {
    try b.residualNetwork(blocks, block: block)
  }

  private func block(
    _ b: inout GraphBuilder, _ x: GraphBuilder.Value, _ name: String, stride: Int
  ) throws -> GraphBuilder.Value {
    let shortcut = try b.residualShortcut(x, name, stride: stride)
    let isFirst =
      stride > 1
      || ["0", "1"].contains { b.state.isConvolution("\(name).downsample.\($0).weight") }
    let whole = try b.convolutionNorm(x, "\(name).conv1", "\(name).bn1", kernel: 1, .relu)
    let layers = b.state.count("\(name).convs.", ".weight")
    let width = b.state.shape("\(name).convs.0.weight")?.first ?? 0
    let scale = whole.channels / max(width, 1)
    // The last part has no convolution of its own; a scale of 1 has no such part.
    guard width > 0, whole.channels == scale * width, scale == layers + 1 || (scale == 1 && layers == 1)
    else {
      throw NetworkError.wrongShape(
        label: b.state.label, tensor: try b.require("\(name).conv1.weight", shape: [nil, nil, 1, 1]),
        expected: [width * (layers + 1), x.channels, 1, 1])
    }
    let parts = (0..<scale).map { b.slice(whole, $0 * width..<($0 + 1) * width) }
    var results: [GraphBuilder.Value] = []
    for index in 0..<layers {
      var part = parts[index]
      if index > 0 && !isFirst { part = try b.add(results[index - 1], part, "\(name).convs.\(index)") }
      results.append(
        try b.convolutionNorm(
          part, "\(name).convs.\(index)", "\(name).bns.\(index)", kernel: 3, stride: stride,
          groups: .fromShape, .relu))
    }
    if scale > layers {
      results.append(
        isFirst ? b.averagePool(parts[layers], Window(3, stride: stride, padding: 1)) : parts[layers])
    }
    var y = try b.convolutionNorm(
      b.concatenate(results), "\(name).conv3", "\(name).bn3", kernel: 1, .identity)
    y = try b.add(y, shortcut, "\(name).conv3")
    return b.activation(y, .relu)
  }
}
