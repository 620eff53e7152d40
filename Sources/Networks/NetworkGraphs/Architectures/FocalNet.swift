import Checkpoint

/// Networks that modulate pixels by their surroundings at several scales, with the key names of timm.
///
/// Yang et al., "Focal Modulation Networks" (2022).
struct FocalNet: TabulatedArchitecture {
  static let family = "focalnet"

  let published: Published

  private var eps: Double { row.real("eps") }

  func build(_ b: inout GraphBuilder) throws -> GraphBuilder.Value {
    var x = try downsample(&b, b.input(), "stem", stride: 4)
    for (stage, count) in row.integers("blocks").enumerated() {
      if stage > 0 { x = try downsample(&b, x, "layers.\(stage).downsample", stride: 2) }
      for index in 0..<count { x = try block(&b, x, "layers.\(stage).blocks.\(index)") }
    }
    if b.state.contains("norm.weight") {
      return try b.head(b.globalAverage(b.norm(x, "norm", eps: eps)), "head.fc")
    }
    x = try b.norm(b.globalAverage(x), "head.norm", eps: eps)
    x = try b.pointwise(x, "head.pre_logits.fc")
    return try b.head(b.append("tanh", .function(.tanh), [x], channels: x.channels), "head.fc")
  }

  private func downsample(
    _ b: inout GraphBuilder, _ x: GraphBuilder.Value, _ name: String, stride: Int
  ) throws -> GraphBuilder.Value {
    let kernel = b.state.shape("\(name).proj.weight")?.last ?? stride
    let padding = kernel == stride ? 0 : stride == 4 ? 2 : 1
    let y = try b.convolution(x, "\(name).proj", kernel: kernel, stride: stride, padding: .all(padding))
    return try b.norm(y, "\(name).norm", eps: eps)
  }

  /// The norm of a name that the file has, if it has it.
  private func optionalNorm(
    _ b: inout GraphBuilder, _ x: GraphBuilder.Value, _ name: String
  ) throws -> GraphBuilder.Value {
    b.state.contains("\(name).weight") ? try b.norm(x, name, eps: eps) : x
  }

  private func block(
    _ b: inout GraphBuilder, _ x: GraphBuilder.Value, _ name: String
  ) throws -> GraphBuilder.Value {
    var y = try modulated(&b, optionalNorm(&b, x, "\(name).norm1"), "\(name).modulation")
    y = try optionalNorm(&b, y, "\(name).norm1_post")
    if b.state.contains("\(name).ls1.gamma") { y = try b.layerScale(y, "\(name).ls1.gamma") }
    let middle = try b.add(y, x, name)
    y = try b.pointwise(optionalNorm(&b, middle, "\(name).norm2"), "\(name).mlp.fc1")
    y = try b.pointwise(b.activation(y, .gelu), "\(name).mlp.fc2", outputs: x.channels)
    y = try optionalNorm(&b, y, "\(name).norm2_post")
    if b.state.contains("\(name).ls2.gamma") { y = try b.layerScale(y, "\(name).ls2.gamma") }
    return try b.add(y, middle, name)
  }

  private func modulated(
    _ b: inout GraphBuilder, _ x: GraphBuilder.Value, _ name: String
  ) throws -> GraphBuilder.Value {
    let channels = x.channels
    let levels = b.state.count("\(name).focal_layers.", ".0.weight")
    let all = try b.pointwise(x, "\(name).f", outputs: 2 * channels + levels + 1)
    var context = b.slice(all, channels..<2 * channels)
    var sum: GraphBuilder.Value?
    func gate(_ level: Int) -> GraphBuilder.Value {
      b.slice(all, 2 * channels + level..<2 * channels + level + 1)
    }
    for level in 0..<levels {
      context = try b.convolution(context, "\(name).focal_layers.\(level).0", groups: .depthwise)
      context = b.activation(context, .gelu)
      let part = b.mask(context, by: gate(level))
      sum = try sum.map { try b.add(part, $0, name) } ?? part
    }
    let mean = b.activation(b.globalAverage(context), .gelu)
    var total = b.gate(b.mask(b.ones(like: context), by: gate(levels)), by: mean)
    if let sum { total = try b.add(total, sum, name) }
    if row.has("normalized") { total = b.scale(total, by: 1 / Float(levels + 1)) }
    var y = b.multiply(b.slice(all, 0..<channels), try b.pointwise(total, "\(name).h", outputs: channels))
    y = try optionalNorm(&b, y, "\(name).norm")
    return try b.pointwise(y, "\(name).proj", outputs: channels)
  }
}
