import Checkpoint

/// PP-HGNet and PP-HGNetV2 with timm's key names.
///
/// Networks of PaddlePaddle's PaddleClas without a paper of their own: every block concatenates its input and the results
/// of all its layers, as Lee et al., "An Energy and GPU-Computation Efficient Backbone Network" (2019) do.
struct HGNet: Architecture {
  static let names = ["hgnet"]

  let name: String
  private let stages: [Int]

  let headName = "head.fc"

  static func recognises(_ state: StateDict) -> Bool {
    state.isConvolution("stages.0.blocks.0.aggregation.0.conv.weight")
      && state.isConvolution("stages.0.blocks.0.aggregation.1.conv.weight")
      && (state.isConvolution("stem.stem1.conv.weight") || state.isConvolution("stem.stem.0.conv.weight"))
      && state.headName("head.fc") != nil
  }

  init(_ state: StateDict, name requested: String?) throws {
    var stages: [Int] = []
    while case let count = state.count("stages.\(stages.count).blocks.", ".aggregation.0.conv.weight"),
      count > 0
    {
      stages.append(count)
    }
    self.stages = stages
    let width = state.shape("stages.0.blocks.0.aggregation.1.conv.weight")?.first ?? 0
    name = "hgnet \(list(stages)) width \(width)"
  }

  func build(_ b: inout GraphBuilder) throws -> GraphBuilder.Value {
    var x = try stem(&b)
    for (stage, count) in stages.enumerated() {
      let down = "stages.\(stage).downsample"
      if b.state.contains("\(down).conv.weight") {
        x = try b.convolutionNorm(
          x, "\(down).conv", "\(down).bn", kernel: 3, stride: 2, groups: .depthwise, .identity)
      }
      for index in 0..<count {
        x = try block(&b, x, "stages.\(stage).blocks.\(index)", isResidual: index > 0)
      }
    }
    x = b.globalAverage(x)
    if b.state.contains("head.last_conv.0.weight") {
      x = b.activation(try b.convolution(x, "head.last_conv.0", kernel: 1), .relu)
      x = try affine(&b, x, "head.last_conv.2")
    }
    return try b.head(x, "head.fc")
  }

  private func stem(_ b: inout GraphBuilder) throws -> GraphBuilder.Value {
    var x = b.input()
    guard b.state.contains("stem.stem1.conv.weight") else {
      for index in 0..<b.state.count("stem.stem.", ".conv.weight") {
        x = try layer(&b, x, "stem.stem.\(index)", stride: index == 0 ? 2 : 1)
      }
      return b.maxPool(x, Window(3, stride: 2, padding: 1))
    }
    /// A row and a column of zeros keep the size under windows of 2x2.
    func padded(_ b: inout GraphBuilder, _ y: GraphBuilder.Value) -> GraphBuilder.Value {
      b.append("pad", .pad(Margins(bottom: 1, right: 1)), [y], channels: y.channels)
    }
    x = padded(&b, try layer(&b, x, "stem.stem1", stride: 2))
    var y = try layer(&b, x, "stem.stem2a")
    y = try layer(&b, padded(&b, y), "stem.stem2b")
    x = b.concatenate([b.maxPool(x, Window(2)), y])
    x = try layer(&b, x, "stem.stem3", stride: 2)
    return try layer(&b, x, "stem.stem4")
  }

  private func block(
    _ b: inout GraphBuilder, _ x: GraphBuilder.Value, _ name: String, isResidual: Bool
  ) throws -> GraphBuilder.Value {
    var results = [x]
    var index = 0
    while case let part = "\(name).layers.\(index)",
      b.state.contains("\(part).conv.weight") || b.state.contains("\(part).conv1.conv.weight")
    {
      var y = results[index]
      if b.state.contains("\(part).conv.weight") {
        y = try layer(&b, y, part)
      } else {
        y = try b.unit(y, "\(part).conv1", .identity)
        y = try layer(&b, y, "\(part).conv2")
      }
      results.append(y)
      index += 1
    }
    var y = try layer(&b, b.concatenate(results), "\(name).aggregation.0")
    let last = "\(name).aggregation.1"
    if b.state.contains("\(last).bn.running_mean") {
      y = try layer(&b, y, last)
    } else {
      let factor = try b.convolution(b.globalAverage(y), "\(last).conv", kernel: 1)
      guard factor.channels == y.channels else {
        throw NetworkError.wrongShape(
          label: b.state.label, tensor: try b.require("\(last).conv.weight", shape: [nil, nil, 1, 1]),
          expected: [y.channels, y.channels, 1, 1])
      }
      y = b.gate(y, by: b.activation(factor, .sigmoid))
    }
    return isResidual ? try b.add(y, x, "\(last).conv") : y
  }

  /// A convolution, its BatchNorm, ReLU, and one learned scale and shift of all channels where the network has them.
  private func layer(
    _ b: inout GraphBuilder, _ x: GraphBuilder.Value, _ name: String, stride: Int = 1
  ) throws -> GraphBuilder.Value {
    let y = try b.unit(x, name, stride: stride, .relu)
    return try affine(&b, y, "\(name).lab")
  }

  private func affine(
    _ b: inout GraphBuilder, _ x: GraphBuilder.Value, _ name: String
  ) throws -> GraphBuilder.Value {
    guard b.state.contains("\(name).scale") else { return x }
    let factors = ChannelFactors(
      scale: .tensor(try b.require("\(name).scale", shape: [1]).name),
      shift: .tensor(try b.require("\(name).bias", shape: [1]).name))
    return b.append(name, .affine(factors), [x], channels: x.channels)
  }
}
