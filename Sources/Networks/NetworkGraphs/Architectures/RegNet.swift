/// RegNet X and Y with torchvision's or timm's key names.
///
/// Radosavovic et al., "Designing Network Design Spaces" (2020). Every stage halves the resolution; Y has
/// gates.
struct RegNet: Architecture {
  static let names = ["regnet", "regnet_x", "regnet_y", "regnetx", "regnety"]

  let name: String
  private let blocks: [Int]
  private let isTimm: Bool

  var headName: String { isTimm ? "head.fc" : "fc" }

  static func recognises(_ state: StateDict) -> Bool {
    state.isConvolution("trunk_output.block1.block1-0.f.a.0.weight")
      || state.isConvolution("s1.b1.conv1.conv.weight")
  }

  init(_ state: StateDict, name requested: String?) throws {
    let isTimm = state.contains("s1.b1.conv1.conv.weight")
    var blocks: [Int] = []
    while case let stage = blocks.count + 1,
      case let count = isTimm
        ? state.count("s\(stage).b", from: 1, ".conv1.conv.weight")
        : state.count("trunk_output.block\(stage).block\(stage)-", ".f.a.0.weight"), count > 0
    {
      blocks.append(count)
    }
    self.blocks = blocks
    self.isTimm = isTimm
    let hasGates = state.contains(
      isTimm ? "s1.b1.se.fc1.weight" : "trunk_output.block1.block1-0.f.se.fc1.weight")
    let head = state.shape(isTimm ? "head.fc.weight" : "fc.weight")?.last ?? 0
    name = "regnet_\(hasGates ? "y" : "x") \(list(blocks)) head \(head)"
  }

  func build(_ b: inout GraphBuilder) throws -> GraphBuilder.Value {
    var x = b.input()
    x =
      isTimm
      ? try b.convolutionNorm(x, "stem.conv", "stem.bn", kernel: 3, stride: 2, .relu)
      : try b.convolutionNorm(x, "stem.0", "stem.1", kernel: 3, stride: 2, .relu)
    for (stage, count) in blocks.enumerated() {
      for index in 0..<count {
        let name =
          isTimm
          ? "s\(stage + 1).b\(index + 1)" : "trunk_output.block\(stage + 1).block\(stage + 1)-\(index)"
        x = try block(&b, x, name, stride: index == 0 ? 2 : 1)
      }
    }
    return try b.head(b.globalAverage(x), isTimm ? "head.fc" : "fc")
  }

  private func block(
    _ b: inout GraphBuilder, _ x: GraphBuilder.Value, _ name: String, stride: Int
  ) throws -> GraphBuilder.Value {
    /// Name of a part's convolution and BatchNorm.
    func part(_ torchvision: String, _ timm: String) -> (String, String) {
      isTimm
        ? ("\(name).\(timm).conv", "\(name).\(timm).bn")
        : ("\(name).\(torchvision).0", "\(name).\(torchvision).1")
    }
    let (a, middle, c, projection) = (
      part("f.a", "conv1"), part("f.b", "conv2"), part("f.c", "conv3"), part("proj", "downsample")
    )
    var shortcut = x
    if b.state.contains(projection.0 + ".weight") {
      shortcut = try b.convolutionNorm(x, projection.0, projection.1, kernel: 1, stride: stride, .identity)
    }
    var y = try b.convolutionNorm(x, a.0, a.1, .relu)
    y = try b.convolutionNorm(y, middle.0, middle.1, kernel: 3, stride: stride, groups: .fromShape, .relu)
    let gate = isTimm ? "\(name).se" : "\(name).f.se"
    if b.state.contains("\(gate).fc1.weight") {
      y = try b.squeezeExcite(y, "\(gate).fc1", "\(gate).fc2", .relu, gate: .sigmoid)
    }
    y = try b.convolutionNorm(y, c.0, c.1, .identity)
    return b.activation(try b.add(y, shortcut, c.0), .relu)
  }
}
