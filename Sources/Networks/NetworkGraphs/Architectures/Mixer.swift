import Checkpoint

/// Perceptrons across tokens with the key names of timm: MLP-Mixer, ResMLP and gMLP.
///
/// Tolstikhin et al., "MLP-Mixer" (2021); Touvron et al., "ResMLP" (2021); Liu et al., "Pay Attention to MLPs" (2021).
/// Their weights belong to a number of tokens, so that they take one size of images.
struct Mixer: TabulatedArchitecture {
  static let family = "mixer"

  let published: Published

  func build(_ b: inout GraphBuilder) throws -> GraphBuilder.Value {
    let patch = b.state.shape("stem.proj.weight")?.last ?? 16
    b.patchSize = patch
    let tokens = row.integer("tokens")
    b.onlySize = patch * Int(Double(tokens).squareRoot().rounded())
    var x = try b.convolution(b.input(), "stem.proj", kernel: patch, stride: patch, padding: .all(0))
    if b.state.contains("stem.norm.weight") { x = try norm(&b, x, "stem.norm") }
    x = try b.embed(
      x, prefix: [], prefixCount: 0, positions: nil, embeddedPrefixCount: 0, grid: 0,
      resampling: .antialiased)
    for index in 0..<row.integer("blocks") {
      let name = "blocks.\(index)"
      x = try row.has("gated") ? gatedBlock(&b, x, name, tokens: tokens) : block(&b, x, name, tokens: tokens)
    }
    return try b.head(b.globalAverage(norm(&b, x, "norm")), "head")
  }

  /// A LayerNorm, or in its place a learned scale and shift.
  private func norm(
    _ b: inout GraphBuilder, _ x: GraphBuilder.Value, _ name: String
  ) throws -> GraphBuilder.Value {
    if b.state.contains("\(name).alpha") {
      return try b.affine(x, scale: "\(name).alpha", shift: "\(name).beta")
    }
    return try b.norm(x, name, eps: row.real("eps"))
  }

  private func block(
    _ b: inout GraphBuilder, _ x: GraphBuilder.Value, _ name: String, tokens: Int
  ) throws -> GraphBuilder.Value {
    var y = b.transpose(try norm(&b, x, "\(name).norm1"), tokens: tokens)
    if b.state.contains("\(name).linear_tokens.weight") {
      y = try b.pointwise(y, "\(name).linear_tokens", outputs: tokens)
    } else {
      y = try mlp(&b, y, "\(name).mlp_tokens")
    }
    y = b.transpose(y, tokens: x.channels)
    if b.state.contains("\(name).ls1") { y = try b.layerScale(y, "\(name).ls1") }
    let middle = try b.add(y, x, name)
    y = try mlp(&b, norm(&b, middle, "\(name).norm2"), "\(name).mlp_channels")
    if b.state.contains("\(name).ls2") { y = try b.layerScale(y, "\(name).ls2") }
    return try b.add(y, middle, name)
  }

  private func mlp(
    _ b: inout GraphBuilder, _ x: GraphBuilder.Value, _ name: String
  ) throws -> GraphBuilder.Value {
    var y = try b.pointwise(x, "\(name).fc1")
    if row.has("glu") {
      // The second half is the gate.
      let half = y.channels / 2
      y = b.gated(b.slice(y, half..<2 * half), row.activation("act"), b.slice(y, 0..<half))
    } else {
      y = b.activation(y, row.activation("act"))
    }
    return try b.pointwise(y, "\(name).fc2", outputs: x.channels)
  }

  /// gMLP's only branch: half of the channels gates the other, after a linear map of its tokens.
  private func gatedBlock(
    _ b: inout GraphBuilder, _ x: GraphBuilder.Value, _ name: String, tokens: Int
  ) throws -> GraphBuilder.Value {
    let mlp = "\(name).mlp_channels"
    var y = try b.pointwise(norm(&b, x, "\(name).norm"), "\(mlp).fc1")
    y = b.activation(y, row.activation("act"))
    let half = y.channels / 2
    var gate = try b.norm(b.slice(y, half..<2 * half), "\(mlp).gate.norm", eps: row.real("gate-eps"))
    gate = try b.pointwise(b.transpose(gate, tokens: tokens), "\(mlp).gate.proj", outputs: tokens)
    y = b.multiply(b.slice(y, 0..<half), b.transpose(gate, tokens: half))
    return try b.add(b.pointwise(y, "\(mlp).fc2", outputs: x.channels), x, "\(mlp).fc2")
  }
}
