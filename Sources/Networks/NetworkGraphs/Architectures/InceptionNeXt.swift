import Checkpoint

/// Networks whose channels are convolved in squares, in bands or not at all, with the key names of timm.
///
/// Yu et al., "InceptionNeXt: When Inception Meets ConvNeXt" (2023).
struct InceptionNeXt: TabulatedArchitecture {
  static let family = "inception_next"

  let published: Published

  func build(_ b: inout GraphBuilder) throws -> GraphBuilder.Value {
    b.eps = row.real("eps")
    var x = try b.convolution(b.input(), "stem.0", kernel: 4, stride: 4, padding: .all(0))
    x = try b.batchNorm(x, "stem.1")
    for (stage, count) in row.integers("blocks").enumerated() {
      if stage > 0 {
        x = try b.batchNorm(x, "stages.\(stage).downsample.0")
        x = try b.convolution(x, "stages.\(stage).downsample.1", kernel: 2, stride: 2, padding: .all(0))
      }
      for index in 0..<count { x = try block(&b, x, "stages.\(stage).blocks.\(index)") }
    }
    x = b.activation(try b.pointwise(b.globalAverage(x), "head.fc1"), .gelu)
    return try b.head(b.norm(x, "head.norm", eps: row.real("head-eps")), "head.fc2")
  }

  private func block(
    _ b: inout GraphBuilder, _ x: GraphBuilder.Value, _ name: String
  ) throws -> GraphBuilder.Value {
    var y = x
    if b.state.contains("\(name).token_mixer.dwconv_hw.weight") {
      let width = b.state.shape("\(name).token_mixer.dwconv_hw.weight")?.first ?? 0
      var first = x.channels - 3 * width
      var parts = [b.slice(x, 0..<max(first, 0))]
      for kernel in ["hw", "w", "h"] {
        let part = b.slice(x, first..<first + width)
        parts.append(
          try b.convolution(part, "\(name).token_mixer.dwconv_\(kernel)", groups: .depthwise))
        first += width
      }
      y = b.concatenate(parts)
    } else {
      y = try b.convolution(x, "\(name).token_mixer", groups: .depthwise)
    }
    y = try b.pointwise(b.batchNorm(y, "\(name).norm"), "\(name).mlp.fc1")
    y = try b.pointwise(b.activation(y, .gelu), "\(name).mlp.fc2", outputs: x.channels)
    if b.state.contains("\(name).gamma") { y = try b.layerScale(y, "\(name).gamma") }
    return try b.add(y, x, "\(name).mlp.fc2")
  }
}
