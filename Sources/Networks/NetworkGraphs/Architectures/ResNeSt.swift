/// ResNeSt with timm's key names.
///
/// Zhang et al., "ResNeSt: Split-Attention Networks" (2020): the middle convolution of a bottleneck has several results
/// (`radix`), which are weighted channel by channel by a softmax; means take the place of its stride.
struct ResNeSt: Architecture {
  static let names = ["resnest"]

  let name: String
  let assumption: String?
  private let blocks: [Int]
  /// Results of a middle convolution.
  private let radix: Int

  let headName = "fc"

  static func recognises(_ state: StateDict) -> Bool {
    state.contains("bn1.running_mean") && state.isConvolution("layer1.0.conv2.conv.weight")
      && state.isConvolution("layer1.0.conv2.fc1.weight") && state.isConvolution("layer1.0.conv2.fc2.weight")
      && state.headName("fc") != nil
  }

  init(_ state: StateDict, name requested: String?) throws {
    blocks = state.residualBlocks(".conv2.fc1.weight")
    let inputs = state.shape("layer1.0.conv1.weight")?.first ?? 0
    radix = (state.shape("layer1.0.conv2.conv.weight")?.first ?? 0) / max(inputs, 1)
    guard radix > 0 else {
      throw NetworkError.otherArchitecture(
        label: state.label, requested: requested ?? "resnest",
        found: "a middle convolution of fewer outputs than inputs")
    }
    name = "resnest \(list(blocks)) width \(inputs) radix \(radix)"
    let place = Self.takesMeansFirst(radix: radix) ? "before" : "after"
    assumption = requested == nil ? "no tensor shows that means are taken \(place) split attention" : nil
  }

  /// The published networks of a radix other than 2 take means before the convolution, the others after it; no key
  /// shows that.
  private static func takesMeansFirst(radix: Int) -> Bool { radix != 2 }

  func build(_ b: inout GraphBuilder) throws -> GraphBuilder.Value {
    try b.residualNetwork(blocks, block: block)
  }

  private func block(
    _ b: inout GraphBuilder, _ x: GraphBuilder.Value, _ name: String, stride: Int
  ) throws -> GraphBuilder.Value {
    let shortcut = try b.residualShortcut(x, name, stride: stride)
    let isFirst = Self.takesMeansFirst(radix: radix)
    func mean(_ b: inout GraphBuilder, _ y: GraphBuilder.Value, _ isHere: Bool) -> GraphBuilder.Value {
      isHere && stride > 1 ? b.averagePool(y, Window(3, stride: stride, padding: 1)) : y
    }
    var y = try b.convolutionNorm(x, "\(name).conv1", "\(name).bn1", kernel: 1, .relu)
    y = mean(&b, y, isFirst)
    y = mean(&b, try splitAttention(&b, y, "\(name).conv2"), !isFirst)
    y = try b.convolutionNorm(y, "\(name).conv3", "\(name).bn3", kernel: 1, .identity)
    return b.activation(try b.add(y, shortcut, "\(name).conv3"), .relu)
  }

  private func splitAttention(
    _ b: inout GraphBuilder, _ x: GraphBuilder.Value, _ name: String
  ) throws -> GraphBuilder.Value {
    let parts = try b.convolutionNorm(
      x, "\(name).conv", "\(name).bn0", kernel: 3, groups: .fromShape, .relu)
    let width = x.channels
    var factor = b.globalAverage(radix > 1 ? b.sumOfGroups(parts, radix) : parts)
    factor = try b.convolutionNorm(factor, "\(name).fc1", "\(name).bn1", kernel: 1, groups: .fromShape, .relu)
    factor = try b.convolution(factor, "\(name).fc2", kernel: 1, groups: .fromShape)
    let depth = b.state.shape("\(name).fc1.weight")?[1] ?? 0
    guard parts.channels == radix * width, factor.channels == parts.channels, depth > 0, width % depth == 0
    else {
      throw NetworkError.wrongShape(
        label: b.state.label, tensor: try b.require("\(name).fc2.weight", shape: [nil, nil, 1, 1]),
        expected: [radix * width, nil, 1, 1])
    }
    guard radix > 1 else { return b.gate(parts, by: b.activation(factor, .sigmoid)) }
    // Groups are outermost in the factors, results of the convolution in its map.
    let groups = width / depth
    if groups > 1 {
      factor = b.reorder(
        factor,
        (0..<radix).flatMap { result in
          (0..<groups).flatMap { group in (0..<depth).map { (group * radix + result) * depth + $0 } }
        })
    }
    return b.sumOfGroups(b.gate(parts, by: b.softmax(factor, groups: radix)), radix)
  }
}
