/// NASNet-A with the key names of timm.
///
/// Zoph et al., "Learning Transferable Architectures for Scalable Image Recognition" (2018): cells that combine the results
/// of the two cells before them.
struct NASNet: TabulatedArchitecture {
  static let family = "nasnet"

  let published: Published

  func build(_ b: inout GraphBuilder) throws -> GraphBuilder.Value {
    (b.eps, b.defaultPadding) = (1e-3, .same)
    let stem = try b.convolutionNorm(
      b.input(), "conv0.conv", "conv0.bn", kernel: 3, stride: 2, padding: .all(0), .identity)
    var past = try shrinking(
      &b, b.activated(stem, "cell_stem_0.conv_1x1"), stem, "cell_stem_0")
    var x = try shrinking(
      &b, b.activated(past, "cell_stem_1.conv_1x1"), b.factorized(stem, "cell_stem_1"), "cell_stem_1")
    for index in 0..<18 {
      // The cell after a reduction reads the result before the last one, too.
      if index == 6 || index == 12 {
        let name = "reduction_cell_\(index / 6 - 1)"
        x = try shrinking(
          &b, b.activated(x, "\(name).conv_1x1"), b.activated(past, "\(name).conv_prev_1x1"), name)
      }
      let y = try normal(&b, x, past, "cell_\(index)")
      (past, x) = (x, y)
    }
    return try b.head(b.globalAverage(b.activation(x, .relu)), "last_linear")
  }

  private func normal(
    _ b: inout GraphBuilder, _ x: GraphBuilder.Value, _ past: GraphBuilder.Value, _ name: String
  ) throws -> GraphBuilder.Value {
    let left =
      b.state.contains("\(name).path_1.conv.weight")
      ? try b.factorized(past, name) : try b.activated(past, "\(name).conv_prev_1x1")
    let right = try b.activated(x, "\(name).conv_1x1")
    func branch(_ y: GraphBuilder.Value, _ part: String) throws -> GraphBuilder.Value {
      try b.separable(y, "\(name).comb_iter_\(part)")
    }
    let first = try b.add(branch(right, "0_left"), branch(left, "0_right"), name)
    let second = try b.add(branch(left, "1_left"), branch(left, "1_right"), name)
    let third = try b.add(b.pool(right, .average), left, name)
    let fourth = b.scale(b.pool(left, .average), by: 2)
    let fifth = try b.add(branch(right, "4_left"), right, name)
    return b.concatenate([left, first, second, third, fourth, fifth])
  }

  /// A cell that halves the map.
  private func shrinking(
    _ b: inout GraphBuilder, _ x: GraphBuilder.Value, _ other: GraphBuilder.Value, _ name: String
  ) throws -> GraphBuilder.Value {
    func branch(_ y: GraphBuilder.Value, _ part: String, stride: Int = 2) throws -> GraphBuilder.Value {
      try b.separable(y, "\(name).comb_iter_\(part)", stride: stride)
    }
    let start = try b.add(branch(x, "0_left"), branch(other, "0_right"), name)
    let first = try b.add(b.pool(x, .maximum, stride: 2), branch(other, "1_right"), name)
    let second = try b.add(b.pool(x, .average, stride: 2), branch(other, "2_right"), name)
    let third = try b.add(b.pool(start, .average), first, name)
    let fourth = try b.add(branch(start, "4_left", stride: 1), b.pool(x, .maximum, stride: 2), name)
    return b.concatenate([first, second, third, fourth])
  }
}

/// PNASNet-5 with the key names of timm.
///
/// Liu et al., "Progressive Neural Architecture Search" (2018).
struct PNASNet: TabulatedArchitecture {
  static let family = "pnasnet"

  let published: Published

  func build(_ b: inout GraphBuilder) throws -> GraphBuilder.Value {
    (b.eps, b.defaultPadding) = (1e-3, .same)
    let stem = try b.convolutionNorm(
      b.input(), "conv_0.conv", "conv_0.bn", kernel: 3, stride: 2, padding: .all(0), .identity)
    let first = try combined(&b, stem, b.activated(stem, "cell_stem_0.conv_1x1"), "cell_stem_0")
    var (past, x) = (first, try cell(&b, stem, first, "cell_stem_1"))
    for index in 0..<b.state.count("cell_", ".conv_1x1.conv.weight") {
      let y = try cell(&b, past, x, "cell_\(index)")
      (past, x) = (x, y)
    }
    return try b.head(b.globalAverage(b.activation(x, .relu)), "last_linear")
  }

  private func cell(
    _ b: inout GraphBuilder, _ past: GraphBuilder.Value, _ x: GraphBuilder.Value, _ name: String
  ) throws -> GraphBuilder.Value {
    let own = "\(name).conv_prev_1x1"
    let left =
      b.state.contains("\(own).path_1.conv.weight") ? try b.factorized(past, own) : try b.activated(past, own)
    return try combined(&b, left, b.activated(x, "\(name).conv_1x1"), name)
  }

  private func combined(
    _ b: inout GraphBuilder, _ left: GraphBuilder.Value, _ right: GraphBuilder.Value, _ name: String
  ) throws -> GraphBuilder.Value {
    // A cell that halves the map has a convolution in its last shortcut.
    let shrinks = b.state.contains("\(name).comb_iter_4_right.conv.weight")
    let stride = shrinks ? 2 : 1
    func branch(_ y: GraphBuilder.Value, _ part: String, stride: Int) throws -> GraphBuilder.Value {
      try b.separable(y, "\(name).comb_iter_\(part)", stride: stride)
    }
    var pooled = b.pool(left, .maximum, stride: stride)
    let layer = "\(name).comb_iter_0_right"
    if b.state.contains("\(layer).conv.weight") {
      pooled = try b.batchNorm(b.pointwise(pooled, "\(layer).conv"), "\(layer).bn")
    }
    let largest = b.pool(right, .maximum, stride: stride)
    let first = try b.add(branch(left, "0_left", stride: stride), pooled, name)
    let second = try b.add(branch(right, "1_left", stride: stride), largest, name)
    let third = try b.add(
      branch(right, "2_left", stride: stride), branch(right, "2_right", stride: stride), name)
    let fourth = try b.add(branch(third, "3_left", stride: 1), largest, name)
    let last = shrinks ? try b.activated(right, "\(name).comb_iter_4_right", stride: stride) : right
    let fifth = try b.add(branch(left, "4_left", stride: stride), last, name)
    return b.concatenate([first, second, third, fourth, fifth])
  }
}

/// Layers of both, whose maps are filled up as TensorFlow does where they stride.
extension GraphBuilder {
  fileprivate enum Pool {
    case maximum, average
  }

  /// A pool of 3x3 pixels; means at a stride of 2 count the zeros around the map, as timm's do.
  fileprivate mutating func pool(_ x: Value, _ kind: Pool, stride: Int = 1) -> Value {
    let window = Window(
      kernel: (3, 3), stride: (stride, stride), padding: stride == 1 ? .all(1) : .same)
    return kind == .maximum ? maxPool(x, window) : averagePool(x, window, countIncludePad: stride > 1)
  }

  /// Two depthwise separable convolutions, each after a ReLU.
  fileprivate mutating func separable(_ x: Value, _ name: String, stride: Int = 1) throws -> Value {
    var y = x
    for (number, step) in [(1, stride), (2, 1)] {
      let own = "\(name).separable_\(number)"
      y = try convolution(
        activation(y, .relu), "\(own).depthwise_conv2d", stride: step, groups: .depthwise)
      y = try batchNorm(pointwise(y, "\(own).pointwise_conv2d"), "\(name).bn_sep_\(number)")
    }
    return y
  }

  /// A 1x1 convolution after a ReLU.
  fileprivate mutating func activated(_ x: Value, _ name: String, stride: Int = 1) throws -> Value {
    let y = try convolution(activation(x, .relu), "\(name).conv", kernel: 1, stride: stride)
    return try batchNorm(y, "\(name).bn")
  }

  /// Every other pixel, and every other of the rest, each with its own convolution.
  fileprivate mutating func factorized(_ x: Value, _ name: String) throws -> Value {
    let start = activation(x, .relu)
    let margins = Margins(top: -1, left: -1, bottom: 1, right: 1)
    let moved = append("moved", .pad(margins), [start], channels: start.channels)
    let first = try pointwise(maxPool(start, Window(1, stride: 2)), "\(name).path_1.conv")
    let second = try pointwise(maxPool(moved, Window(1, stride: 2)), "\(name).path_2.conv")
    return try batchNorm(concatenate([first, second]), "\(name).final_path_bn")
  }
}
