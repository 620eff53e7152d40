import Checkpoint

/// Co-scale conv-attentional image transformers with the key names of timm.
///
/// Xu et al., "Co-Scale Conv-Attentional Image Transformers" (2021): attention by products of keys and values, with
/// positions by convolutions. Stages share the convolutions, which a file holds once for every block; the last copy counts,
/// as it does for PyTorch.
struct CoaT: TabulatedArchitecture {
  static let family = "coat"

  let published: Published

  private var heads: Int { row.integer("heads") }
  private var eps: Double { row.real("eps") }

  var pooling: String { "token" }

  /// The tokens of a stage, the class token first, and a map of the size of its pixels.
  private struct Scale {
    var tokens: GraphBuilder.Value
    let map: GraphBuilder.Value
  }

  func build(_ b: inout GraphBuilder) throws -> GraphBuilder.Value {
    b.patchSize = 32
    let parallel = b.state.count("parallel_blocks.", ".norm12.weight")
    var x = b.input()
    var scales: [Scale] = []
    for stage in 1..<5 {
      let embed = "patch_embed\(stage)"
      let side = b.state.shape("\(embed).proj.weight")?.last ?? 2
      x = try b.convolution(x, "\(embed).proj", kernel: side, stride: side, padding: .all(0))
      x = try b.norm(x, "\(embed).norm", eps: row.real("embed-eps"))
      var scale = Scale(tokens: b.joinTokens([try b.parameter("cls_token\(stage)", x), x]), map: x)
      let count = b.state.count("serial_blocks\(stage).", ".norm1.weight")
      let last = "serial_blocks\(stage).\(count - 1)"
      let relative =
        parallel > 0 && stage > 1
        ? "parallel_blocks.\(parallel - 1).factoratt_crpe\(stage).crpe" : "\(last).factoratt_crpe.crpe"
      ignoreCopies(&b, stage: stage, blocks: count, parallel: parallel)
      for index in 0..<count {
        let name = "serial_blocks\(stage).\(index)"
        scale.tokens = try positioned(&b, scale, "\(last).cpe.proj")
        let start = try b.norm(scale.tokens, "\(name).norm1", eps: eps)
        let y = try attention(&b, start, scale.map, "\(name).factoratt_crpe", relative)
        scale.tokens = try b.add(y, scale.tokens, "\(name).factoratt_crpe.proj")
        scale.tokens = try mlp(&b, scale.tokens, "\(name).norm2", "\(name).mlp")
      }
      x = b.grid(of: b.tokens(scale.tokens, 1..<Int.max), like: scale.map)
      scales.append(scale)
    }
    for index in 0..<parallel { try co(&b, &scales, "parallel_blocks.\(index)", last: parallel - 1) }
    guard parallel > 0 else {
      return try b.head(b.tokens(b.norm(scales[3].tokens, "norm4", eps: eps), 0..<1), "head")
    }
    let tokens = try (1..<4).map {
      b.tokens(try b.norm(scales[$0].tokens, "norm\($0 + 1)", eps: eps), 0..<1)
    }
    return try b.head(aggregate(&b, tokens), "head")
  }

  /// Leaves out the copies of convolutions and perceptrons that others replace.
  private func ignoreCopies(_ b: inout GraphBuilder, stage: Int, blocks: Int, parallel: Int) {
    var names = ["cpe\(stage).proj"]
    var owners = ["crpe\(stage)"]
    for index in 0..<blocks {
      names.append("serial_blocks\(stage).\(index).cpe.proj")
      owners.append("serial_blocks\(stage).\(index).factoratt_crpe.crpe")
    }
    for index in 0..<(stage > 1 ? parallel : 0) {
      owners.append("parallel_blocks.\(index).factoratt_crpe\(stage).crpe")
      for layer in ["fc1", "fc2"] where stage < 4 {
        names.append("parallel_blocks.\(index).mlp\(stage).\(layer)")
      }
    }
    for owner in owners { names += (0..<3).map { "\(owner).conv_list.\($0)" } }
    for name in names {
      b.ignore("\(name).weight")
      b.ignore("\(name).bias")
    }
  }

  /// The tokens plus a convolution of their pixels.
  private func positioned(
    _ b: inout GraphBuilder, _ scale: Scale, _ name: String
  ) throws -> GraphBuilder.Value {
    let pixels = b.grid(of: b.tokens(scale.tokens, 1..<Int.max), like: scale.map)
    let sum = try b.add(b.convolution(pixels, name, kernel: 3, groups: .depthwise), pixels, name)
    return b.joinTokens([b.tokens(scale.tokens, 0..<1), sum])
  }

  private func mlp(
    _ b: inout GraphBuilder, _ x: GraphBuilder.Value, _ norm: String, _ name: String
  ) throws -> GraphBuilder.Value {
    let y = b.activation(try b.pointwise(b.norm(x, norm, eps: eps), "\(name).fc1"), .gelu)
    return try b.add(b.pointwise(y, "\(name).fc2", outputs: x.channels), x, "\(name).fc2")
  }

  private func attention(
    _ b: inout GraphBuilder, _ x: GraphBuilder.Value, _ map: GraphBuilder.Value, _ name: String,
    _ relative: String
  ) throws -> GraphBuilder.Value {
    let (channels, width) = (x.channels, x.channels / heads)
    let qkv = try b.pointwise(x, "\(name).qkv", outputs: 3 * channels)
    // [query, key, value][head][channel] as [head][query, key, value][channel].
    let order = (0..<heads).flatMap { head in
      (0..<3).flatMap { part in (0..<width).map { part * channels + head * width + $0 } }
    }
    let sums = try b.linearAttention(
      b.reorder(qkv, order), name, heads: heads, .softmax(scale: 1 / Float(width).squareRoot()))
    // Pixels add their queries times convolutions of the values.
    let pixels = b.grid(of: b.tokens(qkv, 1..<Int.max), like: map)
    var parts: [GraphBuilder.Value] = []
    var first = 2 * channels
    for index in 0..<b.state.count("\(relative).conv_list.", ".weight") {
      let convolution = "\(relative).conv_list.\(index)"
      let count = b.state.shape("\(convolution).weight")?.first ?? 0
      let end = min(first + count, 3 * channels)
      parts.append(try b.convolution(b.slice(pixels, first..<end), convolution, groups: .depthwise))
      first = end
    }
    let near = b.multiply(b.slice(pixels, 0..<channels), b.concatenate(parts))
    let far = b.grid(of: b.tokens(sums, 1..<Int.max), like: map)
    let y = b.joinTokens([b.tokens(sums, 0..<1), try b.add(near, far, name)])
    return try b.pointwise(y, "\(name).proj", outputs: channels)
  }

  // MARK: Parallel blocks

  /// A block on the last three scales, which exchange their results at each other's sizes.
  private func co(
    _ b: inout GraphBuilder, _ scales: inout [Scale], _ name: String, last: Int
  ) throws {
    var results: [GraphBuilder.Value] = []
    for index in 1..<4 {
      let count = b.state.count("serial_blocks\(index + 1).", ".norm1.weight")
      scales[index].tokens = try positioned(
        &b, scales[index], "serial_blocks\(index + 1).\(count - 1).cpe.proj")
      let start = try b.norm(scales[index].tokens, "\(name).norm1\(index + 1)", eps: eps)
      results.append(
        try attention(
          &b, start, scales[index].map, "\(name).factoratt_crpe\(index + 1)",
          "parallel_blocks.\(last).factoratt_crpe\(index + 1).crpe"))
    }
    for index in 1..<4 {
      var sum = results[index - 1]
      for other in 1..<4 where other != index {
        let pixels = b.grid(of: b.tokens(results[other - 1], 1..<Int.max), like: scales[other].map)
        let resized =
          other > index
          ? enlarged(&b, pixels, by: 1 << (other - index)) : reduced(&b, pixels, by: 1 << (index - other))
        sum = try b.add(b.joinTokens([b.tokens(results[other - 1], 0..<1), resized]), sum, name)
      }
      scales[index].tokens = try b.add(sum, scales[index].tokens, name)
      scales[index].tokens = try mlp(&b, scales[index].tokens, "\(name).norm2\(index + 1)", "\(name).mlp4")
    }
  }

  /// The map at `factor` times its size, with bilinear weights; even factors.
  private func enlarged(
    _ b: inout GraphBuilder, _ x: GraphBuilder.Value, by factor: Int
  ) -> GraphBuilder.Value {
    let blocks = b.append("enlarge", .enlarge(rows: factor, columns: factor), [x], channels: x.channels)
    let half = factor / 2
    let margins = Margins(top: half, left: half, bottom: half, right: half, filling: .edge)
    let padded = b.append("edge", .pad(margins), [blocks], channels: x.channels)
    return b.averagePool(b.averagePool(padded, Window(factor)), Window(2))
  }

  /// The map at a part of its size: means of the two pixels in the middle of every block along both axes.
  private func reduced(
    _ b: inout GraphBuilder, _ x: GraphBuilder.Value, by factor: Int
  ) -> GraphBuilder.Value {
    let margin = factor / 2 - 1
    let margins = Margins(top: -margin, left: -margin, bottom: -margin, right: -margin)
    let inner = margin == 0 ? x : b.append("crop", .pad(margins), [x], channels: x.channels)
    return b.averagePool(inner, Window(2, stride: factor))
  }

  /// The class tokens of three scales, weighed by three numbers.
  private func aggregate(
    _ b: inout GraphBuilder, _ tokens: [GraphBuilder.Value]
  ) throws -> GraphBuilder.Value {
    let channels = tokens[0].channels
    let weight = try b.require("aggregate.weight", shape: [1, tokens.count, 1])
    let convolution = Convolution(
      weight: weight.name, bias: try b.require("aggregate.bias", shape: [1]).name, window: Window(1),
      groups: 1, inputChannels: tokens.count, outputChannels: 1)
    let columns = b.transpose(b.joinTokens(tokens), tokens: tokens.count)
    let sum = b.append("aggregate", .convolution(convolution), [columns], channels: 1)
    return b.transpose(sum, tokens: channels)
  }
}
