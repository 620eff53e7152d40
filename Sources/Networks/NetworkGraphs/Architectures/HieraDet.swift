import Checkpoint

/// The image encoder of SAM 2, a Hiera with position embeddings of windows and the key names of timm.
///
/// Ravi et al., "SAM 2: Segment Anything in Images and Videos" (2024); Ryali et al., "Hiera" (2023); Bolya et al., "Window
/// Attention is Bugged: How not to Interpolate Position Embeddings" (2023).
struct HieraDet: TabulatedArchitecture {
  static let family = "hieradet"

  let published: Published

  private var eps: Double { row.real("eps") }

  func build(_ b: inout GraphBuilder) throws -> GraphBuilder.Value {
    let window = b.state.shape("pos_embed_window")?.last ?? 1
    // Position embeddings of windows are repeated over the map of patches of 4 pixels.
    b.patchSize = 4 * window
    var x = try b.convolution(b.input(), "patch_embed.proj", kernel: 7, stride: 4)
    x = try b.add(positions(&b, like: x, window: window), x, "patch_embed.proj")
    for (index, window) in row.integers("windows").enumerated() {
      x = try block(&b, x, "blocks.\(index)", window: window)
    }
    return try b.head(b.norm(b.globalAverage(x), "head.norm", eps: eps), "head.fc")
  }

  /// A small map of position embeddings at the size of `x`, plus that of a window over and over.
  private func positions(
    _ b: inout GraphBuilder, like x: GraphBuilder.Value, window: Int
  ) throws -> GraphBuilder.Value {
    let channels = x.channels
    let whole = try b.require("pos_embed", shape: [1, channels, nil, nil])
    let coarse = try b.parameterMap(
      "pos_embed", like: b.adaptiveAverage(x, height: whole.shape[2], width: whole.shape[3]))
    let resampling = Resampling(
      filter: .cubic(coefficient: -0.75, excludesOutside: false), coordinates: .halfPixel, target: .like)
    let resized = b.append("resize", .resample(resampling), [coarse, x], channels: channels)
    let one = try b.require("pos_embed_window", shape: [1, channels, window, window])
    let pixels = window * window
    let numbers = b.append(
      "pos_embed_window", .parameter(one.name, count: 1), [x], channels: pixels * channels)
    // [channel][row][column] as [row][column][channel].
    let order = (0..<pixels).flatMap { pixel in (0..<channels).map { $0 * pixels + pixel } }
    let blocks = b.stretched(
      b.reorder(numbers, order), like: b.maxPool(x, Window(window, stride: window)))
    return try b.add(b.depthToSpace(blocks, side: window), resized, "pos_embed")
  }

  /// - Parameter window: Rows and columns of the windows of attention; 0 attends to the whole map.
  private func block(
    _ b: inout GraphBuilder, _ x: GraphBuilder.Value, _ name: String, window: Int
  ) throws -> GraphBuilder.Value {
    let start = try b.norm(x, "\(name).norm1", eps: eps)
    let shrinks = b.state.contains("\(name).proj.weight")
    let halving = Window(2, stride: 2)
    let past = shrinks ? b.maxPool(try b.pointwise(start, "\(name).proj"), halving) : x
    let channels = past.channels
    let heads = channels / row.integer("head-width")
    var qkv = try b.pointwise(start, "\(name).attn.qkv", outputs: 3 * channels)
    let bias = try b.require("\(name).attn.qkv.bias", shape: [3 * channels])
    if shrinks {
      // All four pixels of a block have the query of the block, and so the same result.
      let queries = b.maxPool(b.slice(qkv, 0..<channels), halving)
      let enlarged = b.append("enlarge", .enlarge(rows: 2, columns: 2), [queries], channels: channels)
      qkv = b.concatenate([enlarged, b.slice(qkv, channels..<3 * channels)])
    }
    let windows = AttentionWindows(
      side: window, shift: 0, bias: .zero, fillingBias: .tensor(bias.name), filling: .afterShift,
      shrinks: false)
    var y = try b.attention(
      qkv, "\(name).attn",
      Attention(heads: heads, scores: .scaled, windows: window > 0 ? windows : nil))
    if shrinks { y = b.maxPool(y, Window(1, stride: 2)) }
    y = try b.pointwise(y, "\(name).attn.proj", outputs: channels)
    let middle = try b.add(scaled(&b, y, "\(name).ls1"), past, "\(name).attn.proj")
    y = try b.pointwise(b.norm(middle, "\(name).norm2", eps: eps), "\(name).mlp.fc1")
    y = try b.pointwise(b.activation(y, .gelu), "\(name).mlp.fc2", outputs: channels)
    return try b.add(scaled(&b, y, "\(name).ls2"), middle, "\(name).mlp.fc2")
  }

  private func scaled(
    _ b: inout GraphBuilder, _ x: GraphBuilder.Value, _ name: String
  ) throws -> GraphBuilder.Value {
    b.state.contains("\(name).gamma") ? try b.layerScale(x, "\(name).gamma") : x
  }
}
