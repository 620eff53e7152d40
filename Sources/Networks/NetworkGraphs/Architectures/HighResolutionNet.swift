import Checkpoint

/// HRNet with the key names of timm.
///
/// Wang et al., "Deep High-Resolution Representation Learning for Visual Recognition" (2019): branches of several
/// resolutions, which exchange sums of their maps. The tensors show all that it computes.
struct HighResolutionNet: TabulatedArchitecture {
  static let family = "hrnet"

  let published: Published

  func build(_ b: inout GraphBuilder) throws -> GraphBuilder.Value {
    // Coarse maps are enlarged to the fine ones, which they must divide.
    b.patchSize = 32
    var x = try b.convolutionNorm(b.input(), "conv1", "bn1", stride: 2, .relu)
    x = try b.convolutionNorm(x, "conv2", "bn2", stride: 2, .relu)
    var branches = try [layers(&b, x, "layer1")]
    for stage in 2...4 {
      branches = try transition(&b, branches, "transition\(stage - 1)")
      for module in 0..<b.state.count("stage\(stage).", ".branches.0.0.conv1.weight") {
        branches = try exchange(&b, branches, "stage\(stage).\(module)")
      }
    }
    x = try layers(&b, branches[0], "incre_modules.0")
    for (index, branch) in branches.enumerated().dropFirst() {
      let past = try b.pair(x, "downsamp_modules.\(index - 1)", stride: 2, .relu)
      x = try b.add(layers(&b, branch, "incre_modules.\(index)"), past, "incre_modules.\(index)")
    }
    x = try b.pair(x, "final_layer", .relu)
    return try b.head(b.globalAverage(x), "classifier")
  }

  /// The branches of a stage: those of the one before, and coarser ones made of the last of them.
  private func transition(
    _ b: inout GraphBuilder, _ branches: [GraphBuilder.Value], _ name: String
  ) throws -> [GraphBuilder.Value] {
    var result = branches
    for index in branches.indices where b.state.isConvolution("\(name).\(index).0.weight") {
      // Before the second stage there is one branch; later ones replace the last.
      result[index] = try b.pair(branches[branches.count - 1], "\(name).\(index)", .relu)
    }
    while case let own = "\(name).\(result.count)", b.state.isConvolution("\(own).0.0.weight") {
      var y = branches[branches.count - 1]
      for layer in 0..<b.state.count("\(own).", ".0.weight") {
        y = try b.pair(y, "\(own).\(layer)", stride: 2, .relu)
      }
      result.append(y)
    }
    return result
  }

  /// Blocks on every branch, then every branch as the sum of all of them.
  private func exchange(
    _ b: inout GraphBuilder, _ branches: [GraphBuilder.Value], _ name: String
  ) throws -> [GraphBuilder.Value] {
    var own: [GraphBuilder.Value] = []
    for (index, branch) in branches.enumerated() {
      own.append(try layers(&b, branch, "\(name).branches.\(index)"))
    }
    guard own.count > 1 else { return own }
    var result: [GraphBuilder.Value] = []
    for target in own.indices {
      var sum: GraphBuilder.Value?
      for source in own.indices {
        let path = "\(name).fuse_layers.\(target).\(source)"
        let y = try resized(&b, own[source], path, from: source, to: target)
        if let before = sum { sum = try b.add(before, y, path) } else { sum = y }
      }
      result.append(b.activation(sum ?? own[target], .relu))
    }
    return result
  }

  /// A branch at the resolution of another.
  private func resized(
    _ b: inout GraphBuilder, _ x: GraphBuilder.Value, _ name: String, from source: Int, to target: Int
  ) throws -> GraphBuilder.Value {
    if source == target { return x }
    if source > target {
      let y = try b.pair(x, name, .identity)
      let factor = 1 << (source - target)
      return b.append("enlarge", .enlarge(rows: factor, columns: factor), [y], channels: y.channels)
    }
    var y = x
    for step in 0..<target - source {
      let isLast = step == target - source - 1
      y = try b.pair(y, "\(name).\(step)", stride: 2, isLast ? .identity : .relu)
    }
    return y
  }

  /// Residual blocks, as in ResNet.
  private func layers(
    _ b: inout GraphBuilder, _ x: GraphBuilder.Value, _ name: String
  ) throws -> GraphBuilder.Value {
    var x = x
    for index in 0..<b.state.count("\(name).", ".conv1.weight") {
      let block = "\(name).\(index)"
      let isBottleneck = b.state.contains("\(block).conv3.weight")
      let past =
        b.state.isConvolution("\(block).downsample.0.weight")
        ? try b.pair(x, "\(block).downsample", .identity) : x
      var y = try b.convolutionNorm(x, "\(block).conv1", "\(block).bn1", .relu)
      y = try b.convolutionNorm(
        y, "\(block).conv2", "\(block).bn2", isBottleneck ? .relu : .identity)
      if isBottleneck {
        y = try b.convolutionNorm(y, "\(block).conv3", "\(block).bn3", .identity)
      }
      y = try b.add(y, past, isBottleneck ? "\(block).conv3" : "\(block).conv2")
      x = b.activation(y, .relu)
    }
    return x
  }
}
