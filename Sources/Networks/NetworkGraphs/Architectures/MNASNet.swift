/// MNASNet (B1) with torchvision's key names.
///
/// Tan et al., "MnasNet: Platform-Aware Neural Architecture Search" (2019).
struct MNASNet: Architecture {
  static let names = ["mnasnet"] + ["0_5", "0_75", "1_0", "1_3"].map { "mnasnet\($0)" }

  let name: String

  let headName = "classifier.1"

  static func recognises(_ state: StateDict) -> Bool {
    state.isConvolution("layers.0.weight") && state.isConvolution("layers.8.0.layers.0.weight")
      && state.contains("classifier.1.weight")
  }

  init(_ state: StateDict, name requested: String?) throws {
    name = "mnasnet width \(state.shape("layers.0.weight")?.first ?? 0)"
  }

  func build(_ b: inout GraphBuilder) throws -> GraphBuilder.Value {
    b.momentum = 3e-4
    var x = b.input()
    x = try b.convolutionNorm(x, "layers.0", "layers.1", kernel: 3, stride: 2, .relu)
    x = try b.convolutionNorm(x, "layers.3", "layers.4", groups: .depthwise, .relu)
    x = try b.convolutionNorm(x, "layers.6", "layers.7", .identity)
    for (stack, stride) in [2, 2, 2, 1, 2, 1].enumerated() {
      var index = 0
      while case let layer = "layers.\(8 + stack).\(index).layers", b.state.contains("\(layer).0.weight") {
        let step = index == 0 ? stride : 1
        var y = try b.convolutionNorm(x, "\(layer).0", "\(layer).1", .relu)
        y = try b.convolutionNorm(y, "\(layer).3", "\(layer).4", stride: step, groups: .depthwise, .relu)
        y = try b.convolutionNorm(y, "\(layer).6", "\(layer).7", .identity)
        x = step == 1 && y.channels == x.channels ? try b.add(y, x, "\(layer).6") : y
        index += 1
      }
    }
    x = try b.convolutionNorm(x, "layers.14", "layers.15", .relu)
    return try b.linear(b.globalAverage(x), "classifier.1")
  }
}
