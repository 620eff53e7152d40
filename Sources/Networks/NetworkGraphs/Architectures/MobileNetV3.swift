/// MobileNetV3 with torchvision's key names.
///
/// Howard et al., "Searching for MobileNetV3" (2019).
struct MobileNetV3: Architecture {
  static let names = ["mobilenet_v3_large", "mobilenet_v3_small"]

  let name: String
  private let isLarge: Bool

  let headName = "classifier.3"

  static func recognises(_ state: StateDict) -> Bool {
    state.isConvolution("features.0.0.weight") && state.isConvolution("features.1.block.0.0.weight")
      && state.contains("classifier.0.weight") && state.contains("classifier.3.weight")
  }

  init(_ state: StateDict, name requested: String?) throws {
    let blocks = state.count("features.", from: 1, ".block.0.0.weight")
    guard let index = [15, 11].firstIndex(of: blocks) else {
      throw NetworkError.otherArchitecture(
        label: state.label, requested: requested ?? "mobilenet_v3 of 15 or 11 blocks",
        found: "mobilenet_v3 [\(blocks)]")
    }
    isLarge = index == 0
    name = Self.names[index]
    if let requested, requested != name {
      throw NetworkError.otherArchitecture(label: state.label, requested: requested, found: name)
    }
  }

  func build(_ b: inout GraphBuilder) throws -> GraphBuilder.Value {
    (b.eps, b.momentum) = (1e-3, 0.01)
    let halving: Set = isLarge ? [2, 4, 7, 13] : [1, 2, 4, 9]
    let firstHardswish = isLarge ? 7 : 4
    let blocks = isLarge ? 15 : 11
    var x = b.input()
    x = try b.convolutionNorm(x, "features.0.0", "features.0.1", kernel: 3, stride: 2, .hardswish)
    for index in 1...blocks {
      let stride = halving.contains(index) ? 2 : 1
      x = try block(&b, x, "features.\(index).block", stride, index < firstHardswish ? .relu : .hardswish)
    }
    x = try b.convolutionNorm(x, "features.\(blocks + 1).0", "features.\(blocks + 1).1", .hardswish)
    x = b.activation(try b.linear(b.globalAverage(x), "classifier.0"), .hardswish)
    return try b.linear(x, "classifier.3")
  }

  private func block(
    _ b: inout GraphBuilder, _ x: GraphBuilder.Value, _ name: String, _ stride: Int, _ activation: Activation
  ) throws -> GraphBuilder.Value {
    var y = x
    var part = 0
    // A depthwise convolution has one input per channel; an expansion has all.
    if let shape = b.state.shape("\(name).0.0.weight"), shape.count == 4, shape[1] != 1 {
      y = try b.convolutionNorm(y, "\(name).0.0", "\(name).0.1", activation)
      part = 1
    }
    y = try b.convolutionNorm(
      y, "\(name).\(part).0", "\(name).\(part).1", stride: stride, groups: .depthwise, activation)
    part += 1
    if b.state.contains("\(name).\(part).fc1.weight") {
      y = try b.squeezeExcite(y, "\(name).\(part).fc1", "\(name).\(part).fc2", .relu, gate: .hardsigmoid)
      part += 1
    }
    y = try b.convolutionNorm(y, "\(name).\(part).0", "\(name).\(part).1", .identity)
    return stride == 1 && y.channels == x.channels ? try b.add(y, x, "\(name).\(part).0") : y
  }
}
