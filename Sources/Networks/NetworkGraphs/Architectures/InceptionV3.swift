/// Inception v3 with torchvision's (and timm's equal) key names; the auxiliary head is ignored.
///
/// Szegedy et al., "Rethinking the Inception Architecture for Computer Vision" (2016).
struct InceptionV3: Architecture {
  private typealias Value = GraphBuilder.Value

  static let names = ["inception_v3"]

  static let ignorablePrefixes = ["AuxLogits."]

  static let transformsInput = true

  let name = "inception_v3"

  let headName = "fc"

  static func recognises(_ state: StateDict) -> Bool {
    state.isConvolution("Conv2d_1a_3x3.conv.weight")
      && state.isConvolution("Mixed_5b.branch5x5_1.conv.weight")
  }

  init(_ state: StateDict, name requested: String?) throws {}

  func build(_ b: inout GraphBuilder) throws -> GraphBuilder.Value {
    b.eps = 1e-3
    let halve = Window(3, stride: 2)
    var x = b.input()
    x = try unit(&b, x, "Conv2d_1a_3x3", stride: 2, padding: .all(0))
    x = try unit(&b, x, "Conv2d_2a_3x3", padding: .all(0))
    x = try unit(&b, x, "Conv2d_2b_3x3")
    x = b.maxPool(x, halve)
    x = try unit(&b, x, "Conv2d_3b_1x1")
    x = try unit(&b, x, "Conv2d_4a_3x3", padding: .all(0))
    x = b.maxPool(x, halve)
    for name in ["Mixed_5b", "Mixed_5c", "Mixed_5d"] {
      x = b.concatenate([
        try unit(&b, x, "\(name).branch1x1"),
        try chain(&b, x, ["\(name).branch5x5_1", "\(name).branch5x5_2"]),
        try chain(&b, x, ["\(name).branch3x3dbl_1", "\(name).branch3x3dbl_2", "\(name).branch3x3dbl_3"]),
        try pooled(&b, x, name),
      ])
    }
    x = b.concatenate([
      try unit(&b, x, "Mixed_6a.branch3x3", stride: 2, padding: .all(0)),
      try unit(
        &b, chain(&b, x, ["Mixed_6a.branch3x3dbl_1", "Mixed_6a.branch3x3dbl_2"]), "Mixed_6a.branch3x3dbl_3",
        stride: 2, padding: .all(0)),
      b.maxPool(x, halve),
    ])
    for name in ["Mixed_6b", "Mixed_6c", "Mixed_6d", "Mixed_6e"] {
      x = b.concatenate([
        try unit(&b, x, "\(name).branch1x1"),
        try chain(&b, x, (1...3).map { "\(name).branch7x7_\($0)" }),
        try chain(&b, x, (1...5).map { "\(name).branch7x7dbl_\($0)" }),
        try pooled(&b, x, name),
      ])
    }
    x = b.concatenate([
      try unit(
        &b, unit(&b, x, "Mixed_7a.branch3x3_1"), "Mixed_7a.branch3x3_2", stride: 2, padding: .all(0)),
      try unit(
        &b, chain(&b, x, (1...3).map { "Mixed_7a.branch7x7x3_\($0)" }), "Mixed_7a.branch7x7x3_4", stride: 2,
        padding: .all(0)),
      b.maxPool(x, halve),
    ])
    for name in ["Mixed_7b", "Mixed_7c"] {
      let single = try unit(&b, x, "\(name).branch1x1")
      let three = try unit(&b, x, "\(name).branch3x3_1")
      let double = try chain(&b, x, ["\(name).branch3x3dbl_1", "\(name).branch3x3dbl_2"])
      x = b.concatenate([
        single,
        try unit(&b, three, "\(name).branch3x3_2a"), try unit(&b, three, "\(name).branch3x3_2b"),
        try unit(&b, double, "\(name).branch3x3dbl_3a"), try unit(&b, double, "\(name).branch3x3dbl_3b"),
        try pooled(&b, x, name),
      ])
    }
    return try b.head(b.globalAverage(x), "fc")
  }

  private func unit(
    _ b: inout GraphBuilder, _ x: Value, _ name: String, stride: Int = 1, padding: Padding? = nil
  ) throws -> Value {
    try b.convolutionNorm(x, "\(name).conv", "\(name).bn", stride: stride, padding: padding, .relu)
  }

  private func chain(_ b: inout GraphBuilder, _ x: Value, _ names: [String]) throws -> Value {
    try names.reduce(x) { try unit(&b, $0, $1) }
  }

  private func pooled(_ b: inout GraphBuilder, _ x: Value, _ name: String) throws -> Value {
    try unit(&b, b.averagePool(x, Window(3, stride: 1, padding: 1)), "\(name).branch_pool")
  }
}
