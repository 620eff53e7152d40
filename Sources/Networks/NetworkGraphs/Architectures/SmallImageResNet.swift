/// ResNet for images of 32 pixels with the key names of kuangliu/pytorch-cifar (`layer1.0.shortcut.0`, `linear`), of
/// weiaicunzai/pytorch-cifar100 (`conv2_x.0.residual_function.0`), or of akamaster/pytorch_resnet_cifar10, which has the
/// names of the first and shortcuts without tensors.
///
/// All have a stem of 3x3 that neither strides nor pools. That does not show in the tensors, and copies of the code for
/// larger images stride there, so these networks must be named, as those with torchvision's names are.
///
/// Sources: `models/resnet.py` of the first two, `resnet.py` of the third.
struct SmallImageResNet: Architecture {
  private typealias Value = GraphBuilder.Value

  private static let published: [(name: String, blocks: [Int], isBottleneck: Bool)] = [
    ("resnet18-cifar", [2, 2, 2, 2], false), ("resnet34-cifar", [3, 4, 6, 3], false),
    ("resnet50-cifar", [3, 4, 6, 3], true), ("resnet101-cifar", [3, 4, 23, 3], true),
    ("resnet152-cifar", [3, 8, 36, 3], true),
  ]
  /// Networks of three stages, akamaster's.
  private static let thirds = [(20, 3), (32, 5), (44, 7), (56, 9), (110, 18), (1202, 200)].map {
    (name: "resnet\($0.0)-cifar", blocks: [$0.1, $0.1, $0.1], isBottleneck: false)
  }
  private static let any = "resnet-cifar"
  static let names = [any] + (published + thirds).map(\.name)

  /// Names of the layers: the two repositories'.
  private enum Naming {
    case layers, sequences

    var head: String { self == .layers ? "linear" : "fc" }
    var stem: (String, String) { self == .layers ? ("conv1", "bn1") : ("conv1.0", "conv1.1") }

    func block(_ stage: Int, _ index: Int) -> String {
      self == .layers ? "layer\(stage + 1).\(index)" : "conv\(stage + 2)_x.\(index)"
    }

    /// The convolution and the BatchNorm of a block.
    func part(_ number: Int, of block: String) -> (String, String) {
      // A ReLU stands between two pairs of a sequence.
      self == .layers
        ? ("\(block).conv\(number + 1)", "\(block).bn\(number + 1)")
        : ("\(block).residual_function.\(3 * number)", "\(block).residual_function.\(3 * number + 1)")
    }

    init?(_ state: StateDict) {
      if state.isConvolution("conv1.weight"), state.contains("bn1.running_mean"),
        state.isConvolution("layer1.0.conv1.weight"), state.headName("linear") != nil,
        state.isConvolution("layer2.0.shortcut.0.weight") || !state.isConvolution("layer4.0.conv1.weight")
      {
        self = .layers
      } else if state.isConvolution("conv1.0.weight"), state.contains("conv1.1.running_mean"),
        state.isConvolution("conv2_x.0.residual_function.0.weight"), state.headName("fc") != nil
      {
        self = .sequences
      } else {
        return nil
      }
    }
  }

  let name: String
  let headName: String
  private let naming: Naming
  private let blocks: [Int]
  private let isBottleneck: Bool

  static func recognises(_ state: StateDict) -> Bool { Naming(state) != nil }

  init(_ state: StateDict, name requested: String?) throws {
    guard let naming = Naming(state) else {
      throw NetworkError.otherArchitecture(
        label: state.label, requested: requested ?? Self.any, found: "other names")
    }
    self.naming = naming
    headName = naming.head
    var blocks: [Int] = []
    func count(_ stage: Int) -> Int {
      var count = 0
      while state.contains(naming.part(0, of: naming.block(stage, count)).0 + ".weight") { count += 1 }
      return count
    }
    while case let found = count(blocks.count), found > 0 { blocks.append(found) }
    let isBottleneck = state.contains(naming.part(2, of: naming.block(0, 0)).0 + ".weight")
    let known =
      (Self.published + Self.thirds).first { $0.blocks == blocks && $0.isBottleneck == isBottleneck }?.name
      ?? Self.any
    guard let requested else { throw NetworkError.ambiguous(label: state.label, candidates: [known]) }
    guard requested == known || requested == Self.any else {
      throw NetworkError.otherArchitecture(label: state.label, requested: requested, found: known)
    }
    (self.blocks, self.isBottleneck, name) = (blocks, isBottleneck, known)
  }

  func build(_ b: inout GraphBuilder) throws -> GraphBuilder.Value {
    let stem = naming.stem
    var x = try b.convolutionNorm(b.input(), stem.0, stem.1, kernel: 3, .relu)
    for (stage, count) in blocks.enumerated() {
      for index in 0..<count {
        x = try block(&b, x, naming.block(stage, index), stride: stage > 0 && index == 0 ? 2 : 1)
      }
    }
    return try b.head(b.globalAverage(x), headName)
  }

  private func block(_ b: inout GraphBuilder, _ x: Value, _ name: String, stride: Int) throws -> Value {
    let parts = (0..<(isBottleneck ? 3 : 2)).map { naming.part($0, of: name) }
    var y = x
    for (number, (convolution, norm)) in parts.enumerated() {
      // The first 3x3 convolution strides.
      let kernel = isBottleneck && number != 1 ? 1 : 3
      let strides = number == (isBottleneck ? 1 : 0)
      y = try b.convolutionNorm(
        y, convolution, norm, kernel: kernel, stride: strides ? stride : 1,
        number == parts.count - 1 ? .identity : .relu)
    }
    var shortcut = x
    if b.state.contains("\(name).shortcut.0.weight") {
      shortcut = try b.convolutionNorm(
        x, "\(name).shortcut.0", "\(name).shortcut.1", kernel: 1, stride: stride, .identity)
    } else if stride > 1 {
      shortcut = padded(&b, x, channels: y.channels, stride: stride)
    }
    return b.activation(try b.add(y, shortcut, parts[parts.count - 1].0), .relu)
  }

  /// Some pixels of the map, between channels of zeros that are a quarter of all each (He et al. 2016, option A).
  private func padded(_ b: inout GraphBuilder, _ x: Value, channels: Int, stride: Int) -> Value {
    let pixels = b.maxPool(x, Window(1, stride: stride))
    let first = b.slice(pixels, 0..<min(channels / 4, pixels.channels))
    return b.concatenate([b.scale(first, by: 0), pixels, b.scale(first, by: 0)])
  }
}
