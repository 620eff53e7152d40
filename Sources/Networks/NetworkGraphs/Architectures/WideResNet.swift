/// Wide residual networks for images of 32 pixels with the key names of xternalz/WideResNet-pytorch.
///
/// Zagoruyko, Komodakis: "Wide Residual Networks" (2016). The stem neither strides nor pools, which no tensor shows, so these
/// networks must be named, as `SmallImageResNet` must.
///
/// Source: `wideresnet.py` of the repository.
struct WideResNet: Architecture {
  private static let any = "wrn-cifar"
  static let names =
    [any]
    + [16, 22, 28, 34, 40].flatMap { depth in [1, 2, 4, 8, 10, 12].map { "wrn-\(depth)-\($0)-cifar" } }

  let name: String
  private let blocks: [Int]

  let headName = "fc"

  static func recognises(_ state: StateDict) -> Bool {
    state.isConvolution("conv1.weight") && state.isConvolution("block1.layer.0.conv1.weight")
      && state.contains("block1.layer.0.bn1.running_mean") && state.headName("fc") != nil
  }

  init(_ state: StateDict, name requested: String?) throws {
    blocks = (1...3).map { state.count("block\($0).layer.", ".conv1.weight") }
    let stem = state.shape("conv1.weight")?.first ?? 0
    let width = state.shape("block1.layer.0.conv1.weight")?.first ?? 0
    // A block has two convolutions; the shortcuts of the stages and the stem are the other four.
    let depth = 6 * (blocks.first ?? 0) + 4
    let isEven = Set(blocks).count == 1 && stem > 0 && width.isMultiple(of: max(stem, 1))
    let described = isEven ? "wrn-\(depth)-\(width / stem)-cifar" : Self.any
    let known = Self.names.contains(described) && stem == 16 ? described : Self.any
    guard let requested else { throw NetworkError.ambiguous(label: state.label, candidates: [known]) }
    guard requested == known || requested == Self.any else {
      throw NetworkError.otherArchitecture(label: state.label, requested: requested, found: known)
    }
    name = known
  }

  func build(_ b: inout GraphBuilder) throws -> GraphBuilder.Value {
    var x = try b.convolution(b.input(), "conv1", kernel: 3)
    for (stage, count) in blocks.enumerated() {
      for index in 0..<count {
        x = try block(
          &b, x, "block\(stage + 1).layer.\(index)", stride: stage > 0 && index == 0 ? 2 : 1)
      }
    }
    x = b.activation(try b.batchNorm(x, "bn1"), .relu)
    return try b.head(b.globalAverage(x), "fc")
  }

  private func block(
    _ b: inout GraphBuilder, _ x: GraphBuilder.Value, _ name: String, stride: Int
  ) throws -> GraphBuilder.Value {
    let start = b.activation(try b.batchNorm(x, "\(name).bn1"), .relu)
    var y = try b.convolutionNorm(
      start, "\(name).conv1", "\(name).bn2", kernel: 3, stride: stride, .relu)
    y = try b.convolution(y, "\(name).conv2", kernel: 3)
    // Where the width changes, the shortcut begins after the norm.
    var shortcut = x
    if b.state.contains("\(name).convShortcut.weight") {
      shortcut = try b.convolution(start, "\(name).convShortcut", kernel: 1, stride: stride)
    }
    return try b.add(y, shortcut, "\(name).conv2")
  }
}
