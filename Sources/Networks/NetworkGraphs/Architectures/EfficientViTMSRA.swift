import Checkpoint

/// EfficientViT of Microsoft Research Asia with the key names of timm.
///
/// Liu et al., "EfficientViT: Memory Efficient Vision Transformer with Cascaded Group Attention" (2023): every head of
/// attention in windows takes a part of the channels, to which the result of the head before is added.
struct EfficientViTMSRA: TabulatedArchitecture {
  static let family = "efficientvit_msra"

  let published: Published

  func build(_ b: inout GraphBuilder) throws -> GraphBuilder.Value {
    // The windows of other sizes follow from a whole number of patches.
    b.patchSize = 16
    var x = b.input()
    let layers = b.state.count("patch_embed.conv", from: 1, ".conv.weight")
    for index in 1..<layers + 1 {
      x = try b.unit(x, "patch_embed.conv\(index)", stride: 2, index == layers ? .identity : .relu)
    }
    for stage in 0..<b.state.count("stages.", ".blocks.0.dw0.m.conv.weight") {
      let down = "stages.\(stage).downsample"
      if b.state.contains("\(down).patchmerge.conv1.conv.weight") {
        x = try local(&b, x, "\(down).res1.0", "\(down).res1.1")
        x = try b.unit(x, "\(down).patchmerge.conv1", .relu)
        x = try b.unit(x, "\(down).patchmerge.conv2", stride: 2, .relu)
        x = try b.unit(b.channelGate(x, "\(down).patchmerge.se"), "\(down).patchmerge.conv3", .identity)
        x = try local(&b, x, "\(down).res2.0", "\(down).res2.1")
      }
      for index in 0..<b.state.count("stages.\(stage).blocks.", ".dw0.m.conv.weight") {
        let name = "stages.\(stage).blocks.\(index)"
        x = try local(&b, x, "\(name).dw0", "\(name).ffn0")
        x = try b.add(attention(&b, x, "\(name).mixer.m.attn"), x, name)
        x = try local(&b, x, "\(name).dw1", "\(name).ffn1")
      }
    }
    return try b.head(b.batchNorm(b.globalAverage(x), "head.bn"), "head.linear")
  }

  /// A depthwise convolution and a perceptron, each added to its input.
  private func local(
    _ b: inout GraphBuilder, _ x: GraphBuilder.Value, _ depthwise: String, _ perceptron: String
  ) throws -> GraphBuilder.Value {
    let x = try b.add(b.unit(x, "\(depthwise).m", .identity), x, depthwise)
    let y = try b.unit(x, "\(perceptron).m.pw1", .relu)
    return try b.add(b.unit(y, "\(perceptron).m.pw2", .identity), x, perceptron)
  }

  /// Attention in windows. Pixels that fill them up take part like all others, in the statistics of BatchNorms too.
  private func attention(
    _ b: inout GraphBuilder, _ x: GraphBuilder.Value, _ name: String
  ) throws -> GraphBuilder.Value {
    let heads = b.state.count("\(name).qkvs.", ".conv.weight")
    let side = (1...row.integer("window")).first {
      b.state.shape("\(name).attention_biases")?.last == $0 * $0
    }
    let table = try b.require("\(name).attention_biases", shape: [heads, side.map { $0 * $0 } ?? 0])
    guard let side, heads > 0 else { throw b.unshared(x.channels, heads: heads) }
    // Biases for smaller windows than the network's are those of a map that was no larger.
    let isSingle = side < row.integer("window")
    let whole = SpacedWindows(side: side, margin: 0, isSingle: isSingle)
    let filled = b.spaceWindows(x, name, whole)
    let part = x.channels / heads
    var results: [GraphBuilder.Value] = []
    for head in 0..<heads {
      var y = b.slice(filled, head * part..<(head + 1) * part)
      if let last = results.last { y = try b.add(last, y, name) }
      y = try b.unit(y, "\(name).qkvs.\(head)", .identity)
      let width = b.state.shape("\(name).dws.\(head).conv.weight")?.first ?? 0
      let depth = y.channels - 2 * width
      guard width > 0, depth >= width else { throw b.unshared(y.channels, heads: 1) }
      let query = try inWindows(&b, b.slice(y, 0..<width), "\(name).dws.\(head)", side: side)
      // Zeros make queries and keys as wide as values, and a factor takes the place of their own width in the scale.
      let scaled = b.scale(query, by: (Float(depth) / Float(width)).squareRoot())
      let key = b.slice(y, width..<2 * width)
      let zeros = b.scale(b.slice(y, y.channels - (depth - width)..<y.channels), by: 0)
      let padding = depth > width ? [zeros] : []
      let qkv = b.concatenate(
        [scaled] + padding + [key] + padding + [b.slice(y, 2 * width..<y.channels)])
      let windows = AttentionWindows(
        side: side, shift: 0, bias: .absoluteDistances(table.name, firstHead: head), fillingBias: nil,
        filling: .afterShift, shrinks: false)
      results.append(
        try b.attention(
          qkv, "\(name).\(head)", Attention(heads: 1, scores: .scaled, windows: windows)))
    }
    let y = try b.unit(b.activation(b.concatenate(results), .relu), "\(name).proj.1", .identity)
    return b.joinWindows(y, whole, like: x)
  }

  /// A depthwise convolution that does not reach from one window into the next, and its BatchNorm.
  private func inWindows(
    _ b: inout GraphBuilder, _ x: GraphBuilder.Value, _ name: String, side: Int
  ) throws -> GraphBuilder.Value {
    let kernel = b.state.shape("\(name).conv.weight")?.last ?? 1
    let windows = SpacedWindows(side: side, margin: kernel / 2)
    let spaced = b.spaceWindows(x, name, windows)
    let y = try b.convolution(spaced, "\(name).conv", groups: .depthwise)
    return try b.batchNorm(b.joinWindows(y, windows, like: x), "\(name).bn")
  }
}
