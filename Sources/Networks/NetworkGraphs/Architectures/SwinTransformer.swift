import Checkpoint

/// Swin Transformer V1 and V2 with the key names of timm and torchvision.
///
/// Liu et al., "Swin Transformer" (2021) and "Swin Transformer V2" (2022). Tensors show the windows of V1, and of V2 in
/// torchvision's files; in timm's files of V2 only the published name determines them.
struct SwinTransformer: Architecture {
  /// Key names of a library.
  private struct Keys {
    let patches: String
    let patchNorm: String
    let downsample: @Sendable (_ stage: Int) -> String
    let block: @Sendable (_ stage: Int, _ index: Int) -> String
    let expand: String
    let project: String
    let head: String
  }

  private static let timm = Keys(
    patches: "patch_embed.proj", patchNorm: "patch_embed.norm", downsample: { "layers.\($0).downsample" },
    block: { "layers.\($0).blocks.\($1)" }, expand: "mlp.fc1", project: "mlp.fc2", head: "head.fc")

  private static let torchvision = Keys(
    patches: "features.0.0", patchNorm: "features.0.2", downsample: { "features.\(2 * $0)" },
    block: { "features.\(2 * $0 + 1).\($1)" }, expand: "mlp.0", project: "mlp.3", head: "head")

  /// A published network of version 2, with its windows and those that it was first trained with.
  private struct PublishedV2 {
    let name: String
    let blocks: [Int]
    let width: Int
    let window: Int
    let trained: [Int]?
  }

  private static let publishedV2: [PublishedV2] = {
    let small = [("tiny", [2, 2, 6, 2], 96), ("small", [2, 2, 18, 2], 96), ("base", [2, 2, 18, 2], 128)]
    let large = [("base", [2, 2, 18, 2], 128), ("large", [2, 2, 18, 2], 192)]
    return small.flatMap { size, blocks, width in
      [16, 8].map { window in
        PublishedV2(
          name: "swinv2_\(size)_window\(window)_256", blocks: blocks, width: width, window: window,
          trained: nil)
      }
    }
      + large.flatMap { size, blocks, width in
        [
          PublishedV2(
            name: "swinv2_\(size)_window12_192", blocks: blocks, width: width, window: 12, trained: nil),
          PublishedV2(
            name: "swinv2_\(size)_window12to16_192to256", blocks: blocks, width: width, window: 16,
            trained: [12, 12, 12, 6]),
          PublishedV2(
            name: "swinv2_\(size)_window12to24_192to384", blocks: blocks, width: width, window: 24,
            trained: [12, 12, 12, 6]),
        ]
      }
  }()

  /// Published networks of version 1: blocks, width, and windows of the stages.
  private static let publishedV1: [(name: String, isTimm: Bool, blocks: [Int], width: Int, windows: [Int])] =
    [
      ("swin_t", false, [2, 2, 6, 2], 96, [7, 7, 7, 7]), ("swin_s", false, [2, 2, 18, 2], 96, [7, 7, 7, 7]),
      ("swin_b", false, [2, 2, 18, 2], 128, [7, 7, 7, 7]),
      ("swin_tiny_patch4_window7_224", true, [2, 2, 6, 2], 96, [7, 7, 7, 7]),
      ("swin_small_patch4_window7_224", true, [2, 2, 18, 2], 96, [7, 7, 7, 7]),
      ("swin_base_patch4_window7_224", true, [2, 2, 18, 2], 128, [7, 7, 7, 7]),
      ("swin_base_patch4_window12_384", true, [2, 2, 18, 2], 128, [12, 12, 12, 12]),
      ("swin_large_patch4_window7_224", true, [2, 2, 18, 2], 192, [7, 7, 7, 7]),
      ("swin_large_patch4_window12_384", true, [2, 2, 18, 2], 192, [12, 12, 12, 12]),
      ("swin_s3_tiny_224", true, [2, 2, 6, 2], 96, [7, 7, 14, 7]),
      ("swin_s3_small_224", true, [2, 2, 18, 2], 96, [14, 14, 14, 7]),
      ("swin_s3_base_224", true, [2, 2, 30, 2], 96, [7, 7, 14, 7]),
    ]

  private static let torchvisionV2: [(name: String, blocks: [Int], width: Int)] = [
    ("swin_v2_t", [2, 2, 6, 2], 96), ("swin_v2_s", [2, 2, 18, 2], 96), ("swin_v2_b", [2, 2, 18, 2], 128),
  ]

  static let names =
    ["swin"] + publishedV1.map(\.name) + torchvisionV2.map(\.name) + publishedV2.map(\.name)

  let name: String
  private let keys: Keys
  private let isTimm: Bool
  private let isV2: Bool
  private let blocks: [Int]
  /// Windows of the stages, and those that relative positions are scaled to (V2).
  private let windows: [Int]
  private let trained: [Int]?

  var headName: String { keys.head }

  private static func keys(of state: StateDict) -> Keys? {
    [timm, torchvision].first { keys in
      let block = keys.block(0, 0)
      return state.isConvolution(keys.patches + ".weight")
        && state.shape("\(block).attn.qkv.weight")?.count == 2
        && (state.contains("\(block).attn.relative_position_bias_table")
          || state.contains("\(block).attn.logit_scale"))
        && state.headName(keys.head) != nil
    }
  }

  static func recognises(_ state: StateDict) -> Bool { keys(of: state) != nil }

  init(_ state: StateDict, name requested: String?) throws {
    guard let keys = Self.keys(of: state) else {
      throw NetworkError.otherArchitecture(
        label: state.label, requested: requested ?? "swin", found: "other tensors")
    }
    self.keys = keys
    isTimm = keys.head == Self.timm.head
    isV2 = state.contains("\(keys.block(0, 0)).attn.logit_scale")
    var blocks: [Int] = []
    while case let stage = blocks.count, state.contains("\(keys.block(stage, 0)).attn.qkv.weight") {
      blocks.append((0...).prefix { state.contains("\(keys.block(stage, $0)).attn.qkv.weight") }.count)
    }
    self.blocks = blocks
    let width = state.shape(keys.patches + ".weight")?[0] ?? 0
    /// The window of a table for all distances in it.
    func window(_ key: String, axis: Int) -> Int {
      guard let shape = state.shape(key), shape.count > axis else { return 0 }
      let extent = axis == 0 ? Int(Double(shape[0]).squareRoot()) : shape[axis]
      return (extent + 1) / 2
    }
    let description = "swin\(isV2 ? " v2" : "") \(list(blocks)) width \(width)"
    let found: String?
    if !isV2 {
      let windows = blocks.indices.map {
        window("\(keys.block($0, 0)).attn.relative_position_bias_table", axis: 0)
      }
      let isTimm = isTimm
      self.windows = windows
      trained = nil
      found =
        Self.publishedV1.first {
          $0.isTimm == isTimm && $0.blocks == blocks && $0.width == width && $0.windows == windows
        }?.name
    } else if !isTimm {
      windows = blocks.indices.map { window("\(keys.block($0, 0)).attn.relative_coords_table", axis: 1) }
      trained = nil
      found = Self.torchvisionV2.first { $0.blocks == blocks && $0.width == width }?.name
    } else {
      let candidates = Self.publishedV2.filter { $0.blocks == blocks && $0.width == width }
      guard let match = candidates.first(where: { $0.name == requested }) else {
        if let requested, requested != "swin" {
          throw NetworkError.otherArchitecture(label: state.label, requested: requested, found: description)
        }
        guard !candidates.isEmpty else {
          throw NetworkError.unnamedTransformer(label: state.label, found: description)
        }
        throw NetworkError.ambiguous(label: state.label, candidates: candidates.map(\.name))
      }
      windows = blocks.map { _ in match.window }
      trained = match.trained
      found = match.name
    }
    name = found ?? description + (isV2 ? "" : " windows \(list(windows))")
    if let requested, requested != "swin", Self.names.contains(requested), requested != name {
      throw NetworkError.otherArchitecture(label: state.label, requested: requested, found: name)
    }
    guard windows.allSatisfy({ $0 > 0 }) else {
      throw NetworkError.otherArchitecture(label: state.label, requested: name, found: "tables of no windows")
    }
  }

  private static let eps = 1e-5

  func build(_ b: inout GraphBuilder) throws -> GraphBuilder.Value {
    let patch = b.state.shape(keys.patches + ".weight")?.last ?? 4
    if isTimm { b.patchSize = patch }
    var x = try b.convolution(b.input(), keys.patches, kernel: patch, stride: patch, padding: .all(0))
    x = try b.layerNorm(x, keys.patchNorm, eps: Self.eps)
    for (stage, count) in blocks.enumerated() {
      if stage > 0 {
        let name = keys.downsample(stage)
        x = b.mergePatches(x)
        if !isV2 { x = try b.layerNorm(x, "\(name).norm", eps: Self.eps) }
        x = try b.pointwise(x, "\(name).reduction")
        if isV2 { x = try b.layerNorm(x, "\(name).norm", eps: Self.eps) }
      }
      for index in 0..<count { x = try block(&b, x, stage, index) }
    }
    x = try b.layerNorm(x, "norm", eps: Self.eps)
    return try b.head(b.globalAverage(x), keys.head)
  }

  private func block(
    _ b: inout GraphBuilder, _ x: GraphBuilder.Value, _ stage: Int, _ index: Int
  ) throws -> GraphBuilder.Value {
    let name = keys.block(stage, index)
    b.ignore("\(name).attn_mask")
    // Version 2 normalizes the results of layers instead of their inputs.
    func normalized(_ y: GraphBuilder.Value, _ norm: String, isInput: Bool) throws -> GraphBuilder.Value {
      isInput != isV2 ? try b.layerNorm(y, "\(name).\(norm)", eps: Self.eps) : y
    }
    var y = try normalized(x, "norm1", isInput: true)
    y = try attention(&b, y, name, stage: stage, shift: index % 2 == 1 ? windows[stage] / 2 : 0)
    y = try b.pointwise(y, "\(name).attn.proj", outputs: x.channels)
    let middle = try b.add(try normalized(y, "norm1", isInput: false), x, "\(name).attn.proj")
    y = try normalized(middle, "norm2", isInput: true)
    y = b.activation(try b.pointwise(y, "\(name).\(keys.expand)"), .gelu)
    y = try b.pointwise(y, "\(name).\(keys.project)", outputs: x.channels)
    return try b.add(try normalized(y, "norm2", isInput: false), middle, "\(name).\(keys.project)")
  }

  private func attention(
    _ b: inout GraphBuilder, _ x: GraphBuilder.Value, _ name: String, stage: Int, shift: Int
  ) throws -> GraphBuilder.Value {
    let layer = "\(name).attn"
    let window = windows[stage]
    let channels = x.channels
    let heads: Int
    let bias: AttentionWindows.Bias
    let scores: Attention.Scores
    let filling: ChannelFactors.Values?
    var qkv: GraphBuilder.Value
    if isV2 {
      let scale = try b.require("\(layer).logit_scale", shape: [nil, 1, 1])
      heads = scale.shape[0]
      scores = .cosine(scale.name)
      if !isTimm {
        let extent = 2 * window - 1
        _ = try b.require("\(layer).relative_coords_table", shape: [1, extent, extent, 2])
      }
      let hidden = try b.require("\(layer).cpb_mlp.0.weight", shape: [nil, 2])
      bias = .network(
        hidden: hidden.name,
        hiddenBias: try b.require("\(layer).cpb_mlp.0.bias", shape: [hidden.shape[0]]).name,
        output: try b.require("\(layer).cpb_mlp.2.weight", shape: [heads, hidden.shape[0]]).name,
        trained: trained?[min(stage, 3)])
      // Keys have no bias, whatever the file holds.
      let zeros = ChannelFactors.Part(tensor: nil, range: 0..<channels)
      let parts: (query: ChannelFactors.Part, value: ChannelFactors.Part)?
      if isTimm {
        parts =
          b.state.contains("\(layer).q_bias")
          ? (
            .init(
              tensor: try b.require("\(layer).q_bias", shape: [channels]).name, range: 0..<channels),
            .init(tensor: try b.require("\(layer).v_bias", shape: [channels]).name, range: 0..<channels)
          ) : nil
      } else if b.state.contains("\(layer).qkv.bias") {
        let own = try b.require("\(layer).qkv.bias", shape: [3 * channels]).name
        parts = (
          .init(tensor: own, range: 0..<channels), .init(tensor: own, range: 2 * channels..<3 * channels)
        )
      } else {
        parts = nil
      }
      qkv = try b.pointwise(x, "\(layer).qkv", bias: "", outputs: 3 * channels)
      filling = parts.map { .parts([$0.query, zeros, $0.value]) }
      if let filling { qkv = b.shift(qkv, by: filling) }
    } else {
      let extent = 2 * window - 1
      let table = try b.require("\(layer).relative_position_bias_table", shape: [extent * extent, nil])
      heads = table.shape[1]
      scores = .scaled
      bias = .table(table.name)
      qkv = try b.pointwise(x, "\(layer).qkv", outputs: 3 * channels)
      filling = b.state.contains("\(layer).qkv.bias") ? .tensor(TensorName("\(layer).qkv.bias")) : nil
    }
    return try b.attention(
      qkv, layer,
      Attention(
        heads: heads, scores: scores,
        windows: AttentionWindows(
          side: window, shift: shift, bias: bias, fillingBias: filling,
          filling: isTimm ? .afterShift : .beforeShift, shrinks: isTimm)))
  }
}
