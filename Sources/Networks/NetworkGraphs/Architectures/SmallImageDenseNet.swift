/// DenseNet for images of 32 pixels with the key names of kuangliu/pytorch-cifar.
///
/// Huang et al., "Densely Connected Convolutional Networks" (2017). The stem neither strides nor pools, which no tensor
/// shows, so these networks must be named, as `SmallImageResNet` must.
///
/// Source: `models/densenet.py` of the repository.
struct SmallImageDenseNet: Architecture {
  private static let published: [(name: String, blocks: [Int], growth: Int)] = [
    ("densenet121-cifar", [6, 12, 24, 16], 32), ("densenet169-cifar", [6, 12, 32, 32], 32),
    ("densenet201-cifar", [6, 12, 48, 32], 32), ("densenet161-cifar", [6, 12, 36, 24], 48),
  ]
  private static let any = "densenet-cifar"
  static let names = [any] + published.map(\.name)

  let name: String
  private let blocks: [Int]

  let headName = "linear"

  static func recognises(_ state: StateDict) -> Bool {
    state.isConvolution("conv1.weight") && state.isConvolution("dense1.0.conv1.weight")
      && state.contains("dense1.0.bn1.running_mean") && state.isConvolution("trans1.conv.weight")
      && state.headName("linear") != nil
  }

  init(_ state: StateDict, name requested: String?) throws {
    var blocks: [Int] = []
    while case let count = state.count("dense\(blocks.count + 1).", ".conv1.weight"), count > 0 {
      blocks.append(count)
    }
    let growth = state.shape("dense1.0.conv2.weight")?.first ?? 0
    let known = Self.published.first { $0.blocks == blocks && $0.growth == growth }?.name ?? Self.any
    guard let requested else { throw NetworkError.ambiguous(label: state.label, candidates: [known]) }
    guard requested == known || requested == Self.any else {
      throw NetworkError.otherArchitecture(label: state.label, requested: requested, found: known)
    }
    (self.blocks, name) = (blocks, known)
  }

  func build(_ b: inout GraphBuilder) throws -> GraphBuilder.Value {
    var x = try b.convolution(b.input(), "conv1", kernel: 3)
    for (stage, count) in blocks.enumerated() {
      for index in 0..<count {
        let name = "dense\(stage + 1).\(index)"
        var y = b.activation(try b.batchNorm(x, "\(name).bn1"), .relu)
        y = try b.convolutionNorm(y, "\(name).conv1", "\(name).bn2", kernel: 1, .relu)
        // New channels come first, unlike in torchvision.
        x = b.concatenate([try b.convolution(y, "\(name).conv2", kernel: 3), x])
      }
      guard stage + 1 < blocks.count else { break }
      let transition = "trans\(stage + 1)"
      x = b.activation(try b.batchNorm(x, "\(transition).bn"), .relu)
      x = b.averagePool(try b.convolution(x, "\(transition).conv", kernel: 1), Window(2, stride: 2))
    }
    x = b.activation(try b.batchNorm(x, "bn"), .relu)
    return try b.head(b.globalAverage(x), "linear")
  }
}
