import Checkpoint

/// DPN with the key names of timm.
///
/// Chen et al., "Dual Path Networks" (2017): the first channels of a map are summed as in ResNet, the others joined as in
/// DenseNet. BatchNorm and activation come before the convolutions.
struct DualPathNet: TabulatedArchitecture {
  static let family = "dpn"

  let published: Published

  private var act: Activation { row.activation("act") }

  func build(_ b: inout GraphBuilder) throws -> GraphBuilder.Value {
    b.eps = row.real("eps")
    var x = try b.unit(b.input(), "features.conv1_1", stride: 2, row.activation("stem-act"))
    x = b.maxPool(x, Window(3, stride: 2, padding: 1))
    for (stage, count) in row.integers("blocks").enumerated() {
      let width = summed(b.state, "features.conv\(stage + 2)_1")
      for index in 1..<count + 1 {
        let stride = stage > 0 && index == 1 ? 2 : 1
        x = try block(&b, x, "features.conv\(stage + 2)_\(index)", stride: stride, summed: width)
      }
    }
    x = try b.batchNorm(x, "features.conv5_bn_ac.bn")
    x =
      row.has("last-elu")
      ? b.append("elu", .function(.elu(alpha: 1)), [x], channels: x.channels)
      : b.activation(x, row.activation("last-act"))
    return try b.head(b.globalAverage(x), "classifier")
  }

  /// Number of channels of a stage that are summed, from its first block.
  private func summed(_ state: StateDict, _ name: String) -> Int {
    func outputs(_ layer: String) -> Int { state.shape("\(name).\(layer).weight")?.first ?? 0 }
    if state.contains("\(name).c1x1_c1.weight") { return outputs("c1x1_c1") }
    // The projection ends with two pieces to be joined, the block's last convolution with one.
    let projection = max(outputs("c1x1_w_s1.conv"), outputs("c1x1_w_s2.conv"))
    return max(0, 2 * outputs("c1x1_c.conv") - projection)
  }

  private func preactivated(
    _ b: inout GraphBuilder, _ x: GraphBuilder.Value, _ name: String, stride: Int = 1
  ) throws -> GraphBuilder.Value {
    let y = b.activation(try b.batchNorm(x, "\(name).bn"), act)
    return try b.convolution(y, "\(name).conv", stride: stride, groups: .fromShape)
  }

  private func block(
    _ b: inout GraphBuilder, _ x: GraphBuilder.Value, _ name: String, stride: Int, summed: Int
  ) throws -> GraphBuilder.Value {
    var past = x
    if let layer = ["c1x1_w_s1", "c1x1_w_s2"].first(where: { b.state.contains("\(name).\($0).conv.weight") })
    {
      past = try preactivated(&b, x, "\(name).\(layer)", stride: stride)
    }
    var y = try preactivated(&b, x, "\(name).c1x1_a")
    y = try preactivated(&b, y, "\(name).c3x3_b", stride: stride)
    let sum: GraphBuilder.Value
    let more: GraphBuilder.Value
    if b.state.contains("\(name).c1x1_c1.weight") {
      y = b.activation(try b.batchNorm(y, "\(name).c1x1_c.bn"), act)
      sum = try b.convolution(y, "\(name).c1x1_c1")
      more = try b.convolution(y, "\(name).c1x1_c2")
    } else {
      y = try preactivated(&b, y, "\(name).c1x1_c")
      sum = try part(&b, y, 0..<summed, name)
      more = try part(&b, y, summed..<max(summed, y.channels), name)
    }
    let kept = try part(&b, past, 0..<summed, name)
    let joined = try part(&b, past, summed..<max(summed, past.channels), name)
    return try b.concatenate([b.add(kept, sum, name), joined, more])
  }

  /// Some of the channels of a map that must have them.
  private func part(
    _ b: inout GraphBuilder, _ x: GraphBuilder.Value, _ range: Range<Int>, _ name: String
  ) throws -> GraphBuilder.Value {
    guard !range.isEmpty, range.upperBound <= x.channels else {
      throw NetworkError.otherArchitecture(
        label: b.state.label, requested: Self.family,
        found:
          "\(x.channels) channels in \(name), not more than \(max(range.lowerBound, range.upperBound - 1))")
    }
    return b.slice(x, range)
  }
}
