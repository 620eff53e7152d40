/// GoogLeNet with torchvision's key names; the auxiliary heads are ignored.
///
/// Szegedy et al., "Going Deeper with Convolutions" (2015), with BatchNorm and, as in torchvision, 3x3
/// convolutions in the third branch.
struct GoogLeNet: Architecture {
  static let names = ["googlenet"]

  static let ignorablePrefixes = ["aux1.", "aux2."]

  static let transformsInput = true

  let name = "googlenet"

  let headName = "fc"

  static func recognises(_ state: StateDict) -> Bool {
    state.isConvolution("conv1.conv.weight") && state.isConvolution("inception3a.branch1.conv.weight")
  }

  init(_ state: StateDict, name requested: String?) throws {}

  func build(_ b: inout GraphBuilder) throws -> GraphBuilder.Value {
    b.eps = 1e-3
    let halve = Window(3, stride: 2, ceilMode: true)
    var x = b.input()
    x = try unit(&b, x, "conv1", kernel: 7, stride: 2)
    x = b.maxPool(x, halve)
    x = try unit(&b, x, "conv2")
    x = try unit(&b, x, "conv3")
    x = b.maxPool(x, halve)
    for name in ["3a", "3b"] { x = try inception(&b, x, "inception\(name)") }
    x = b.maxPool(x, halve)
    for name in ["4a", "4b", "4c", "4d", "4e"] { x = try inception(&b, x, "inception\(name)") }
    x = b.maxPool(x, Window(2, stride: 2, ceilMode: true))
    for name in ["5a", "5b"] { x = try inception(&b, x, "inception\(name)") }
    return try b.head(b.globalAverage(x), "fc")
  }

  private func unit(
    _ b: inout GraphBuilder, _ x: GraphBuilder.Value, _ name: String, kernel: Int? = nil, stride: Int = 1
  ) throws -> GraphBuilder.Value {
    try b.convolutionNorm(
      x, "\(name).conv", "\(name).bn", kernel: kernel, stride: stride, .relu)
  }

  private func inception(
    _ b: inout GraphBuilder, _ x: GraphBuilder.Value, _ name: String
  ) throws -> GraphBuilder.Value {
    let first = try unit(&b, x, "\(name).branch1")
    let second = try unit(&b, unit(&b, x, "\(name).branch2.0"), "\(name).branch2.1")
    let third = try unit(&b, unit(&b, x, "\(name).branch3.0"), "\(name).branch3.1")
    let pooled = b.maxPool(x, Window(3, stride: 1, padding: 1, ceilMode: true))
    return b.concatenate([first, second, third, try unit(&b, pooled, "\(name).branch4.1")])
  }
}
