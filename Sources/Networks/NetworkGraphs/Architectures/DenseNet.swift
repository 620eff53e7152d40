/// DenseNet with torchvision's (and timm's equal) key names.
///
/// Huang et al., "Densely Connected Convolutional Networks" (2017): BatchNorm and ReLU precede the
/// convolutions.
struct DenseNet: Architecture {
  private static let published = [
    "densenet121": [6, 12, 24, 16], "densenet161": [6, 12, 36, 24], "densenet169": [6, 12, 32, 32],
    "densenet201": [6, 12, 48, 32],
  ]
  static let names = ["densenet"] + published.keys.sorted()

  let name: String
  private let blocks: [Int]

  let headName = "classifier"

  static func recognises(_ state: StateDict) -> Bool {
    state.isConvolution("features.conv0.weight") && state.contains("features.norm0.running_mean")
      && state.isConvolution("features.denseblock1.denselayer1.conv1.weight")
  }

  init(_ state: StateDict, name requested: String?) throws {
    var blocks: [Int] = []
    while case let prefix = "features.denseblock\(blocks.count + 1).denselayer",
      case let count = state.count(prefix, from: 1, ".conv1.weight"), count > 0
    {
      blocks.append(count)
    }
    let width = state.shape("features.conv0.weight")?.first ?? 0
    let growth = state.shape("features.denseblock1.denselayer1.conv2.weight")?.first ?? 0
    let match = Self.published.first {
      $0.value == blocks && (width, growth) == ($0.key == "densenet161" ? (96, 48) : (64, 32))
    }
    let description = "densenet \(list(blocks)) width \(width) growth \(growth)"
    name = match?.key ?? description
    self.blocks = blocks
    if let requested, let wanted = Self.published[requested], wanted != blocks {
      throw NetworkError.otherArchitecture(label: state.label, requested: requested, found: name)
    }
  }

  func build(_ b: inout GraphBuilder) throws -> GraphBuilder.Value {
    var x = b.input()
    x = try b.convolutionNorm(x, "features.conv0", "features.norm0", kernel: 7, stride: 2, .relu)
    x = b.maxPool(x, Window(3, stride: 2, padding: 1))
    for (block, count) in blocks.enumerated() {
      for index in 1...count {
        let layer = "features.denseblock\(block + 1).denselayer\(index)"
        var y = b.activation(try b.batchNorm(x, "\(layer).norm1"), .relu)
        y = try b.convolutionNorm(y, "\(layer).conv1", "\(layer).norm2", .relu)
        x = b.concatenate([x, try b.convolution(y, "\(layer).conv2")])
      }
      if block + 1 < blocks.count {
        let transition = "features.transition\(block + 1)"
        x = b.activation(try b.batchNorm(x, "\(transition).norm"), .relu)
        x = b.averagePool(try b.convolution(x, "\(transition).conv"), Window(2, stride: 2))
      }
    }
    x = b.activation(try b.batchNorm(x, "features.norm5"), .relu)
    return try b.head(b.globalAverage(x), "classifier")
  }
}
