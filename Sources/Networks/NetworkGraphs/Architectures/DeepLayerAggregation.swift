import Checkpoint

/// DLA with the key names of timm, also with grouped and Res2Net blocks.
///
/// Yu et al., "Deep Layer Aggregation" (2018): a level is a tree of blocks whose roots join the results of their
/// descendants; Gao et al., "Res2Net" (2019): parts of the channels pass one after the other through a convolution each.
struct DeepLayerAggregation: TabulatedArchitecture {
  static let family = "dla"

  let name: String
  let assumption: String?
  private let row: PublishedTable.Row

  init(_ row: PublishedTable.Row, assumption: String?) {
    (name, self.row, self.assumption) = (row.name, row, assumption)
  }

  func build(_ b: inout GraphBuilder) throws -> GraphBuilder.Value {
    // Shortcuts are pooled, which drops the last pixel of an odd map, where convolutions keep it.
    b.patchSize = 32
    var x = try b.pair(b.input(), "base_layer", .relu)
    for (level, stride) in [(0, 1), (1, 2)] {
      var index = 0
      while b.state.isConvolution("level\(level).\(3 * index).weight") {
        x = try b.pair(
          x, "level\(level)", first: 3 * index, stride: index == 0 ? stride : 1, .relu)
        index += 1
      }
    }
    for level in 2...5 {
      x = try tree(&b, x, "level\(level)", stride: 2, joinsInput: level > 2, children: [])
    }
    return try b.head(b.globalAverage(x), "fc")
  }

  /// A tree of blocks.
  ///
  /// - Parameters:
  ///   - joinsInput: True if the last root also joins the tree's input.
  ///   - children: Results of earlier trees that the last root joins.
  private func tree(
    _ b: inout GraphBuilder, _ x: GraphBuilder.Value, _ name: String, stride: Int, joinsInput: Bool,
    children: [GraphBuilder.Value]
  ) throws -> GraphBuilder.Value {
    let isRoot = b.state.contains("\(name).root.conv.weight")
    var bottom = x
    if stride > 1 && (isRoot || joinsInput) { bottom = b.maxPool(x, Window(stride, stride: stride)) }
    let joined = children + (joinsInput ? [bottom] : [])
    guard isRoot else {
      guard
        (1...4).contains(where: { levels in
          b.state.contains(name + String(repeating: ".tree1", count: levels) + ".root.conv.weight")
        })
      else {
        throw NetworkError.missingTensor(
          label: b.state.label, tensor: TensorName("\(name).root.conv.weight"),
          architecture: b.architecture)
      }
      let first = try tree(&b, x, "\(name).tree1", stride: stride, joinsInput: false, children: [])
      return try tree(
        &b, first, "\(name).tree2", stride: 1, joinsInput: false, children: joined + [first])
    }
    let past =
      b.state.isConvolution("\(name).project.0.weight")
      ? try b.pair(bottom, "\(name).project", .identity) : bottom
    let first = try block(&b, x, "\(name).tree1", stride: stride, past: past)
    let second = try block(&b, first, "\(name).tree2", stride: 1, past: first)
    let y = try b.unit(b.concatenate([second, first] + joined), "\(name).root", .identity)
    return b.activation(
      row.has("root-shortcut") ? try b.add(y, second, "\(name).root.conv") : y, .relu)
  }

  private func block(
    _ b: inout GraphBuilder, _ x: GraphBuilder.Value, _ name: String, stride: Int,
    past: GraphBuilder.Value
  ) throws -> GraphBuilder.Value {
    guard b.state.contains("\(name).conv3.weight") else {
      var y = try b.convolutionNorm(x, "\(name).conv1", "\(name).bn1", stride: stride, .relu)
      y = try b.convolutionNorm(y, "\(name).conv2", "\(name).bn2", .identity)
      return b.activation(try b.add(y, past, "\(name).conv2"), .relu)
    }
    var y = try b.convolutionNorm(x, "\(name).conv1", "\(name).bn1", .relu)
    if b.state.contains("\(name).conv2.weight") {
      y = try b.convolutionNorm(
        y, "\(name).conv2", "\(name).bn2", stride: stride, groups: .fromShape, .relu)
    } else {
      y = try scales(&b, y, name, stride: stride)
    }
    y = try b.convolutionNorm(y, "\(name).conv3", "\(name).bn3", .identity)
    return b.activation(try b.add(y, past, "\(name).conv3"), .relu)
  }

  /// Parts of the channels, of which each but the first also gets the result of the one before it; the last is passed on.
  private func scales(
    _ b: inout GraphBuilder, _ x: GraphBuilder.Value, _ name: String, stride: Int
  ) throws -> GraphBuilder.Value {
    let count = b.state.count("\(name).convs.", ".weight")
    let width = x.channels / (count + 1)
    var results: [GraphBuilder.Value] = []
    for index in 0..<count {
      var part = b.slice(x, index * width..<(index + 1) * width)
      if stride == 1, let before = results.last { part = try b.add(before, part, "\(name).convs.\(index)") }
      results.append(
        try b.convolutionNorm(
          part, "\(name).convs.\(index)", "\(name).bns.\(index)", stride: stride, groups: .fromShape, .relu))
    }
    let rest = b.slice(x, count * width..<x.channels)
    results.append(
      stride == 1 ? rest : b.averagePool(rest, Window(3, stride: stride, padding: 1)))
    return b.concatenate(results)
  }
}
