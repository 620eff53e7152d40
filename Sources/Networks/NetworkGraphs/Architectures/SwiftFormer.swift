import Checkpoint

/// SwiftFormer with the key names of timm.
///
/// Shaker et al., "SwiftFormer: Efficient Additive Attention for Transformer-based Real-time Mobile Vision Applications"
/// (2023): one weighted sum of all queries gates the keys.
struct SwiftFormer: TabulatedArchitecture {
  static let family = "swiftformer"

  let published: Published

  private var act: Activation { row.activation("act") }

  func build(_ b: inout GraphBuilder) throws -> GraphBuilder.Value {
    let size = row.integer("only")
    b.onlySize = size
    b.eps = row.real("eps")
    var x = try b.convolutionNorm(b.input(), "stem.0", "stem.1", kernel: 3, stride: 2, .relu)
    x = try b.convolutionNorm(x, "stem.3", "stem.4", kernel: 3, stride: 2, .relu)
    for (stage, count) in row.integers("blocks").enumerated() {
      let downsample = "stages.\(stage).downsample"
      if b.state.contains("\(downsample).proj.weight") {
        x = try b.convolutionNorm(
          x, "\(downsample).proj", "\(downsample).norm", kernel: 3, stride: 2, .identity)
      }
      let side = size >> (stage + 2)
      for index in 0..<count {
        let name = "stages.\(stage).blocks.\(index)"
        x =
          b.state.contains("\(name).attn.w_g")
          ? try block(&b, x, name, tokens: side * side) : try convolutions(&b, x, name)
      }
    }
    x = b.globalAverage(try b.batchNorm(x, "norm"))
    let supervised = try b.head(x, "head")
    let distilled = try b.head(x, "head_dist")
    return b.scale(try b.add(supervised, distilled, "head_dist"), by: 0.5)
  }

  private func scaled(
    _ b: inout GraphBuilder, _ x: GraphBuilder.Value, _ name: String
  ) throws -> GraphBuilder.Value {
    b.state.contains("\(name).gamma") ? try b.layerScale(x, "\(name).gamma") : x
  }

  private func convolutions(
    _ b: inout GraphBuilder, _ x: GraphBuilder.Value, _ name: String
  ) throws -> GraphBuilder.Value {
    var y = try b.convolutionNorm(
      x, "\(name).dwconv", "\(name).norm", kernel: 3, groups: .depthwise, .identity)
    y = b.activation(try b.pointwise(y, "\(name).pwconv1"), act)
    y = try b.pointwise(y, "\(name).pwconv2", outputs: x.channels)
    return try b.add(scaled(&b, y, "\(name).layer_scale"), x, "\(name).pwconv2")
  }

  private func block(
    _ b: inout GraphBuilder, _ x: GraphBuilder.Value, _ name: String, tokens: Int
  ) throws -> GraphBuilder.Value {
    let start = try convolutions(&b, x, "\(name).local_representation")
    var y = try attention(&b, start, "\(name).attn", tokens: tokens)
    let middle = try b.add(scaled(&b, y, "\(name).layer_scale_1"), start, "\(name).attn.final")
    y = try b.pointwise(b.batchNorm(middle, "\(name).linear.norm1"), "\(name).linear.fc1")
    y = try b.pointwise(b.activation(y, act), "\(name).linear.fc2", outputs: x.channels)
    return try b.add(scaled(&b, y, "\(name).layer_scale_2"), middle, "\(name).linear.fc2")
  }

  private func attention(
    _ b: inout GraphBuilder, _ x: GraphBuilder.Value, _ name: String, tokens: Int
  ) throws -> GraphBuilder.Value {
    let query = unitLength(&b, try b.pointwise(x, "\(name).to_query", outputs: x.channels))
    let key = unitLength(&b, try b.pointwise(x, "\(name).to_key", outputs: x.channels))
    let weight = try b.require("\(name).w_g", shape: [x.channels, 1])
    let convolution = Convolution(
      weight: weight.name, bias: nil, window: Window(1), groups: 1, inputChannels: x.channels,
      outputChannels: 1)
    let scores = b.append("\(name).w_g", .convolution(convolution), [query], channels: 1)
    // The scores of all pixels as a vector of length 1.
    let shares = unitLength(&b, b.transpose(scores, tokens: tokens))
    let weights = b.grid(of: b.transpose(shares, tokens: 1), like: query)
    let sum = b.scale(b.globalAverage(b.mask(query, by: weights)), by: Float(tokens))
    let y = try b.pointwise(b.gate(key, by: sum), "\(name).proj", outputs: x.channels)
    return try b.pointwise(b.add(y, query, "\(name).proj"), "\(name).final", outputs: x.channels)
  }

  /// Every pixel's channels divided by their Euclidean length.
  private func unitLength(_ b: inout GraphBuilder, _ x: GraphBuilder.Value) -> GraphBuilder.Value {
    let norm = LayerNorm(weight: nil, bias: nil, eps: 1e-26, keepsMean: true)
    let y = b.append("length", .layerNorm(norm), [x], channels: x.channels)
    return b.scale(y, by: 1 / Float(x.channels).squareRoot())
  }
}
