/// ShuffleNetV2 with torchvision's key names.
///
/// Ma et al., "ShuffleNet V2: Practical Guidelines for Efficient CNN Architecture Design" (2018).
struct ShuffleNetV2: Architecture {
  private static let published = [48: "x0_5", 116: "x1_0", 176: "x1_5", 244: "x2_0"]
  static let names = ["shufflenet_v2"] + ["x0_5", "x1_0", "x1_5", "x2_0"].map { "shufflenet_v2_\($0)" }

  let name: String
  private let blocks: [Int]

  let headName = "fc"

  static func recognises(_ state: StateDict) -> Bool {
    state.isConvolution("conv1.0.weight") && state.isConvolution("stage2.0.branch1.0.weight")
      && state.isConvolution("conv5.0.weight")
  }

  init(_ state: StateDict, name requested: String?) throws {
    blocks = [2, 3, 4].map { state.count("stage\($0).", ".branch2.0.weight") }
    let width = 2 * (state.shape("stage2.0.branch2.0.weight")?.first ?? 0)
    let match = blocks == [4, 8, 4] ? Self.published[width].map { "shufflenet_v2_\($0)" } : nil
    name = match ?? "shufflenet_v2 \(list(blocks)) width \(width)"
    if let requested, requested != "shufflenet_v2", requested != name {
      throw NetworkError.otherArchitecture(label: state.label, requested: requested, found: name)
    }
  }

  func build(_ b: inout GraphBuilder) throws -> GraphBuilder.Value {
    var x = b.input()
    x = try b.convolutionNorm(x, "conv1.0", "conv1.1", kernel: 3, stride: 2, .relu)
    x = b.maxPool(x, Window(3, stride: 2, padding: 1))
    for (stage, count) in blocks.enumerated() {
      for index in 0..<count {
        let name = "stage\(stage + 2).\(index)"
        var kept = x
        var worked = x
        if index == 0 {
          kept = try b.convolutionNorm(
            x, "\(name).branch1.0", "\(name).branch1.1", stride: 2, groups: .depthwise, .identity)
          kept = try b.convolutionNorm(kept, "\(name).branch1.2", "\(name).branch1.3", .relu)
        } else {
          kept = b.slice(x, 0..<x.channels / 2)
          worked = b.slice(x, x.channels / 2..<x.channels)
        }
        worked = try b.convolutionNorm(worked, "\(name).branch2.0", "\(name).branch2.1", .relu)
        worked = try b.convolutionNorm(
          worked, "\(name).branch2.3", "\(name).branch2.4", stride: index == 0 ? 2 : 1, groups: .depthwise,
          .identity)
        worked = try b.convolutionNorm(worked, "\(name).branch2.5", "\(name).branch2.6", .relu)
        x = b.shuffle(b.concatenate([kept, worked]), groups: 2)
      }
    }
    x = try b.convolutionNorm(x, "conv5.0", "conv5.1", .relu)
    return try b.head(b.globalAverage(x), "fc")
  }
}
