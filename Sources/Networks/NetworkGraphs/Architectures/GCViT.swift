import Checkpoint

/// Global context vision transformers with the key names of timm.
///
/// Hatamizadeh et al., "Global Context Vision Transformers" (2023): attention in windows, whose queries are in every other
/// block those of a summary of the whole map, the same for all windows.
struct GCViT: TabulatedArchitecture {
  static let family = "gcvit"

  let published: Published

  private var eps: Double { row.real("eps") }

  func build(_ b: inout GraphBuilder) throws -> GraphBuilder.Value {
    b.onlySize = row.integer("only")
    var x = try b.convolution(b.input(), "stem.conv1", kernel: 3, stride: 2)
    x = try downsample(&b, x, "stem.down")
    let (levels, windows) = (row.integers("levels"), row.integers("windows"))
    for (stage, count) in row.integers("blocks").enumerated() {
      let name = "stages.\(stage)"
      if b.state.contains("\(name).downsample.reduction.weight") {
        x = try downsample(&b, x, "\(name).downsample")
      }
      var summary = x
      for index in 0..<max(levels[stage], 1) {
        summary = try mobile(&b, summary, "\(name).global_block.blocks.conv\(index + 1)")
        if index < levels[stage] { summary = b.maxPool(summary, Window(3, stride: 2, padding: 1)) }
      }
      let query = tiled(&b, summary, over: x, side: windows[stage])
      for index in 0..<count {
        x = try block(&b, x, "\(name).blocks.\(index)", query: query, side: windows[stage])
      }
      if b.state.contains("\(name).norm.weight") { x = try b.norm(x, "\(name).norm", eps: eps) }
    }
    return try b.head(b.globalAverage(x), "head.fc")
  }

  private func mobile(
    _ b: inout GraphBuilder, _ x: GraphBuilder.Value, _ name: String
  ) throws -> GraphBuilder.Value {
    var y = b.activation(try b.convolution(x, "\(name).conv_dw", kernel: 3, groups: .depthwise), .gelu)
    y = try b.channelGate(y, "\(name).se", inner: .gelu)
    return try b.add(b.pointwise(y, "\(name).conv_pw", outputs: x.channels), x, "\(name).conv_pw")
  }

  private func downsample(
    _ b: inout GraphBuilder, _ x: GraphBuilder.Value, _ name: String
  ) throws -> GraphBuilder.Value {
    var y = try mobile(&b, b.norm(x, "\(name).norm1", eps: eps), "\(name).conv_block")
    y = try b.convolution(y, "\(name).reduction", kernel: 3, stride: 2)
    return try b.norm(y, "\(name).norm2", eps: eps)
  }

  /// Copies of a map of one window's size, as many as `x` has windows.
  private func tiled(
    _ b: inout GraphBuilder, _ summary: GraphBuilder.Value, over x: GraphBuilder.Value, side: Int
  ) -> GraphBuilder.Value {
    let whole = b.spaceToDepth(summary, side: side)
    return b.depthToSpace(b.stretched(whole, like: b.maxPool(x, Window(side, stride: side))), side: side)
  }

  private func block(
    _ b: inout GraphBuilder, _ x: GraphBuilder.Value, _ name: String, query: GraphBuilder.Value, side: Int
  ) throws -> GraphBuilder.Value {
    let own = "\(name).attn"
    let start = try b.norm(x, "\(name).norm1", eps: eps)
    var qkv = try b.pointwise(start, "\(own).qkv")
    if qkv.channels == 2 * x.channels { qkv = b.concatenate([query, qkv]) }
    let extent = 2 * side - 1
    let table = try b.require("\(own).rel_pos.relative_position_bias_table", shape: [extent * extent, nil])
    var y = try b.attention(
      qkv, own,
      Attention(
        heads: table.shape[1], scores: .scaled,
        windows: AttentionWindows(
          side: side, shift: 0, bias: .table(table.name), fillingBias: nil, filling: .afterShift,
          shrinks: false)))
    y = try scaled(&b, b.pointwise(y, "\(own).proj", outputs: x.channels), "\(name).ls1.gamma")
    let middle = try b.add(y, x, "\(own).proj")
    y = try b.pointwise(b.norm(middle, "\(name).norm2", eps: eps), "\(name).mlp.fc1")
    y = try b.pointwise(b.activation(y, .gelu), "\(name).mlp.fc2", outputs: x.channels)
    return try b.add(scaled(&b, y, "\(name).ls2.gamma"), middle, "\(name).mlp.fc2")
  }

  private func scaled(
    _ b: inout GraphBuilder, _ x: GraphBuilder.Value, _ key: String
  ) throws -> GraphBuilder.Value {
    b.state.contains(key) ? try b.layerScale(x, key) : x
  }
}
