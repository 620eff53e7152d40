import Checkpoint

/// Vision transformers with the key names of timm (ViT, DeiT, DeiT-3, DINOv2, CLIP and SigLIP towers with a classifier)
/// and of torchvision.
///
/// Dosovitskiy et al., "An Image is Worth 16x16 Words" (2021); Touvron et al., "Training data-efficient image
/// transformers" (2021) and "DeiT III" (2022). Tensors do not show the number of heads, eps, activation and pooling:
/// they are those of the published networks with the same tensors, if all of these agree.
struct VisionTransformer: Architecture {
  /// Key names of a library.
  private struct Keys {
    let patches: String
    let classToken: String
    let positions: String
    let block: @Sendable (Int) -> String
    let norms: (first: String, second: String)
    /// Weight and bias of queries, keys and values.
    let qkv: (weight: String, bias: String)
    let projection: String
    let expand: String
    let project: String
    let norm: String
    let head: String
  }

  private static let timm = Keys(
    patches: "patch_embed.proj", classToken: "cls_token", positions: "pos_embed", block: { "blocks.\($0)" },
    norms: ("norm1", "norm2"), qkv: ("attn.qkv.weight", "attn.qkv.bias"), projection: "attn.proj",
    expand: "mlp.fc1", project: "mlp.fc2", norm: "norm", head: "head")

  private static let torchvision = Keys(
    patches: "conv_proj", classToken: "class_token", positions: "encoder.pos_embedding",
    block: { "encoder.layers.encoder_layer_\($0)" }, norms: ("ln_1", "ln_2"),
    qkv: ("self_attention.in_proj_weight", "self_attention.in_proj_bias"),
    projection: "self_attention.out_proj", expand: "mlp.0", project: "mlp.3", norm: "encoder.ln",
    head: "heads.head")

  /// The parts of a network that its tensors show.
  private struct Shape: Equatable {
    var width = 0
    var blocks = 0
    var patch = 0
    var hidden = 0
    var hasClassToken = false
    var isDistilled = false
    var registers = 0
    /// True if prefix tokens have no position embeddings.
    var hasBarePrefix = false
    var hasPreNorm = false
    /// True if the last LayerNorm follows the pooling.
    var hasPooledNorm = false
    var hasBias = false
    var hasLayerScale = false

    var prefixCount: Int { (hasClassToken ? 1 : 0) + (isDistilled ? 1 : 0) + registers }
  }

  /// Parts that only the name determines.
  private struct Choices: Equatable {
    let heads: Int
    let eps: Double
    let activation: Activation
    let averages: Bool
  }

  private struct Published {
    let name: String
    let shape: Shape
    let choices: Choices
  }

  private static let published: [Published] = table.split(separator: "\n").compactMap { line in
    let words = line.split(separator: " ").map(String.init)
    let numbers = words[1...5].compactMap { Int($0) }
    guard words.count >= 9, numbers.count == 5, let eps = Double(words[6]),
      let activation = Activation(rawValue: words[7])
    else { preconditionFailure("a bad line in the table of transformers: \(line)") }
    let flags = Set(words[9...])
    let registers = flags.first { $0.hasPrefix("registers=") }.flatMap { Int($0.dropFirst(10)) } ?? 0
    return Published(
      name: words[0],
      shape: Shape(
        width: numbers[0], blocks: numbers[1], patch: numbers[2], hidden: numbers[3],
        hasClassToken: flags.contains("class"), isDistilled: flags.contains("distilled"),
        registers: registers, hasBarePrefix: flags.contains("bare-prefix"),
        hasPreNorm: flags.contains("pre-norm"), hasPooledNorm: flags.contains("fc-norm"),
        hasBias: flags.contains("qkv-bias"), hasLayerScale: flags.contains("layer-scale")),
      choices: Choices(
        heads: numbers[4], eps: eps, activation: activation, averages: words[8] == "avg"))
  }

  private static let publishedByTorchvision: [Published] = [
    ("vit_b_16", 768, 12, 16, 12), ("vit_b_32", 768, 12, 32, 12), ("vit_l_16", 1024, 24, 16, 16),
    ("vit_l_32", 1024, 24, 32, 16), ("vit_h_14", 1280, 32, 14, 16),
  ].map { name, width, blocks, patch, heads in
    Published(
      name: name,
      shape: Shape(
        width: width, blocks: blocks, patch: patch, hidden: 4 * width, hasClassToken: true, hasBias: true),
      choices: Choices(heads: heads, eps: 1e-6, activation: .gelu, averages: false))
  }

  static let names = ["vit"] + published.map(\.name) + publishedByTorchvision.map(\.name)

  let name: String
  private let keys: Keys
  private let shape: Shape
  private let choices: Choices
  private let grid: Int
  let assumption: String?

  var headName: String { keys.head }

  private static func keys(of state: StateDict) -> Keys? {
    [timm, torchvision].first { keys in
      state.isConvolution(keys.patches + ".weight") && state.contains(keys.positions)
        && state.shape("\(keys.block(0)).\(keys.qkv.weight)")?.count == 2
        && state.contains("\(keys.block(0)).\(keys.norms.first).weight") && state.headName(keys.head) != nil
    }
  }

  static func recognises(_ state: StateDict) -> Bool { keys(of: state) != nil }

  init(_ state: StateDict, name requested: String?) throws {
    guard let keys = Self.keys(of: state) else {
      throw NetworkError.otherArchitecture(
        label: state.label, requested: requested ?? "vit", found: "other tensors")
    }
    self.keys = keys
    let isTimm = keys.head == Self.timm.head
    let first = keys.block(0)
    var shape = Shape()
    let patches = state.shape(keys.patches + ".weight") ?? [0, 0, 0, 0]
    (shape.width, shape.patch) = (patches[0], patches[3])
    shape.blocks = (0...).prefix { state.contains("\(keys.block($0)).\(keys.norms.first).weight") }.count
    shape.hidden = state.shape("\(first).\(keys.expand).weight")?.first ?? 0
    shape.hasClassToken = state.contains(keys.classToken)
    shape.isDistilled = isTimm && state.contains("dist_token")
    shape.registers = isTimm ? state.shape("reg_token").map { $0.count == 3 ? $0[1] : 0 } ?? 0 : 0
    shape.hasPreNorm = isTimm && state.contains("norm_pre.weight")
    shape.hasPooledNorm = isTimm && state.contains("fc_norm.weight")
    shape.hasBias = state.contains("\(first).\(keys.qkv.bias)")
    shape.hasLayerScale = isTimm && state.contains("\(first).ls1.gamma")
    let positions = state.shape(keys.positions) ?? []
    let count = positions.count == 3 ? positions[1] : 0
    guard let (grid, isBare) = Self.grid(positions: count, prefix: shape.prefixCount) else {
      throw NetworkError.wrongShape(
        label: state.label, tensor: state.spec(keys.positions)!, expected: [1, nil, shape.width])
    }
    self.grid = grid
    shape.hasBarePrefix = isBare
    self.shape = shape

    let candidates = (isTimm ? Self.published : Self.publishedByTorchvision).filter { $0.shape == shape }
    if let requested, requested != "vit" {
      guard let match = candidates.first(where: { $0.name == requested }) else {
        throw NetworkError.otherArchitecture(
          label: state.label, requested: requested, found: candidates.first?.name ?? Self.describe(shape))
      }
      (name, choices, assumption) = (match.name, match.choices, nil)
      return
    }
    // Of names for the same network, that which says no more than the tensors do.
    guard let plain = candidates.first(where: { $0.name.hasPrefix("vit_") }) ?? candidates.first else {
      throw NetworkError.unnamedTransformer(label: state.label, found: Self.describe(shape))
    }
    guard candidates.allSatisfy({ $0.choices == plain.choices }) else {
      throw NetworkError.ambiguous(label: state.label, candidates: candidates.map(\.name))
    }
    (name, choices) = (plain.name, plain.choices)
    assumption =
      "no tensor shows its \(choices.heads) heads, eps of \(choices.eps), \(choices.activation) "
      + "and pooling of the \(choices.averages ? "mean" : "class token")"
  }

  /// The side of the square grid of position embeddings, and true if prefix tokens have none; nil where the number of
  /// embeddings is that of neither.
  private static func grid(positions: Int, prefix: Int) -> (side: Int, isBare: Bool)? {
    func side(_ count: Int) -> Int? {
      let root = Int(Double(max(count, 0)).squareRoot())
      return root > 0 && root * root == count ? root : nil
    }
    if let side = side(positions - prefix) { return (side, false) }
    return side(positions).map { ($0, true) }
  }

  private static func describe(_ shape: Shape) -> String {
    "vit width \(shape.width) blocks \(shape.blocks) patch \(shape.patch)"
  }

  var pooling: String { choices.averages && !shape.isDistilled ? "avg" : "token" }

  func build(_ b: inout GraphBuilder) throws -> GraphBuilder.Value {
    let patch = shape.patch
    b.patchSize = patch
    var x = try b.convolution(
      b.input(), keys.patches, kernel: patch, stride: patch, padding: .all(0))
    x = try b.embed(
      x, prefix: [keys.classToken, "dist_token", "reg_token"].filter { b.state.contains($0) },
      prefixCount: shape.prefixCount, positions: keys.positions,
      embeddedPrefixCount: shape.hasBarePrefix ? 0 : shape.prefixCount, grid: grid,
      resampling: keys.head == Self.timm.head ? .antialiased : .alignedCorners)
    if shape.hasPreNorm { x = try b.layerNorm(x, "norm_pre", eps: choices.eps) }
    for index in 0..<shape.blocks { x = try block(&b, x, keys.block(index)) }
    let end = shape.prefixCount
    if shape.isDistilled {
      x = try b.layerNorm(b.tokens(x, 0..<2), keys.norm, eps: choices.eps)
      let supervised = try b.head(b.tokens(x, 0..<1), keys.head)
      let distilled = try b.head(b.tokens(x, 1..<2), "head_dist")
      return b.scale(try b.add(supervised, distilled, "head_dist"), by: 0.5)
    }
    if shape.hasPooledNorm {
      x = choices.averages ? b.globalAverage(b.tokens(x, end..<Int.max)) : b.tokens(x, 0..<1)
      x = try b.layerNorm(x, "fc_norm", eps: choices.eps)
    } else if choices.averages {
      x = b.globalAverage(try b.layerNorm(b.tokens(x, end..<Int.max), keys.norm, eps: choices.eps))
    } else {
      x = try b.layerNorm(b.tokens(x, 0..<1), keys.norm, eps: choices.eps)
    }
    return try b.head(x, keys.head)
  }

  private func block(
    _ b: inout GraphBuilder, _ x: GraphBuilder.Value, _ name: String
  ) throws -> GraphBuilder.Value {
    var y = try b.layerNorm(x, "\(name).\(keys.norms.first)", eps: choices.eps)
    y = try b.pointwise(
      y, "\(name).qkv", weight: "\(name).\(keys.qkv.weight)", bias: "\(name).\(keys.qkv.bias)",
      outputs: 3 * x.channels)
    y = try b.attention(y, name, heads: choices.heads)
    let projection = "\(name).\(keys.projection)"
    y = try b.pointwise(y, projection, outputs: x.channels)
    if shape.hasLayerScale { y = try b.layerScale(y, "\(name).ls1.gamma") }
    let middle = try b.add(y, x, projection)
    y = try b.layerNorm(middle, "\(name).\(keys.norms.second)", eps: choices.eps)
    y = b.activation(try b.pointwise(y, "\(name).\(keys.expand)"), choices.activation)
    let project = "\(name).\(keys.project)"
    y = try b.pointwise(y, project, outputs: x.channels)
    if shape.hasLayerScale { y = try b.layerScale(y, "\(name).ls2.gamma") }
    return try b.add(y, middle, project)
  }
}
