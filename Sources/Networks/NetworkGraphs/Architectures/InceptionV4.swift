/// Inception-v4 with timm's key names.
///
/// Szegedy et al., "Inception-v4, Inception-ResNet and the Impact of Residual Connections on Learning" (2017).
struct InceptionV4: Architecture {
  static let names = ["inception_v4"]

  let name = "inception_v4"
  let headName = "last_linear"

  static func recognises(_ state: StateDict) -> Bool {
    state.isConvolution("features.0.conv.weight") && state.isConvolution("features.3.conv.conv.weight")
      && state.isConvolution("features.19.branch1_1a.conv.weight") && state.headName("last_linear") != nil
  }

  init(_ state: StateDict, name requested: String?) throws {}

  func build(_ b: inout GraphBuilder) throws -> GraphBuilder.Value {
    b.eps = 1e-3
    var x = try b.inceptionUnit(b.input(), "features.0", stride: 2, isValid: true)
    x = try b.inceptionUnit(x, "features.1", isValid: true)
    x = try b.inceptionUnit(x, "features.2")
    let halving = Window(3, stride: 2)
    x = b.concatenate([
      b.maxPool(x, halving), try b.inceptionUnit(x, "features.3.conv", stride: 2, isValid: true),
    ])
    x = b.concatenate([
      try b.inceptionBranch(x, "features.4.branch0", isValid: true),
      try b.inceptionBranch(x, "features.4.branch1", isValid: true),
    ])
    x = b.concatenate([
      try b.inceptionUnit(x, "features.5.conv", stride: 2, isValid: true), b.maxPool(x, halving),
    ])
    for index in 6..<22 {
      let part = "features.\(index)"
      switch index {
      case 10, 18:
        x = b.concatenate([
          try b.inceptionBranch(x, "\(part).branch0", stride: 2, isValid: true),
          try b.inceptionBranch(x, "\(part).branch1", stride: 2, isValid: true), b.maxPool(x, halving),
        ])
      case 19...: x = try forked(&b, x, part)
      default:
        x = b.concatenate(
          try (0..<3).map { try b.inceptionBranch(x, "\(part).branch\($0)") }
            + [try b.inceptionPool(x, "\(part).branch3")])
      }
    }
    return try b.head(b.globalAverage(x), "last_linear")
  }

  /// The last kind of block, whose branches end in a row and a column side by side.
  private func forked(
    _ b: inout GraphBuilder, _ x: GraphBuilder.Value, _ name: String
  ) throws -> GraphBuilder.Value {
    let first = try b.inceptionUnit(x, "\(name).branch0")
    let short = try b.inceptionUnit(x, "\(name).branch1_0")
    var long = try b.inceptionUnit(x, "\(name).branch2_0")
    long = try b.inceptionUnit(long, "\(name).branch2_1")
    long = try b.inceptionUnit(long, "\(name).branch2_2")
    return b.concatenate([
      first, try b.inceptionUnit(short, "\(name).branch1_1a"),
      try b.inceptionUnit(short, "\(name).branch1_1b"),
      try b.inceptionUnit(long, "\(name).branch2_3a"), try b.inceptionUnit(long, "\(name).branch2_3b"),
      try b.inceptionPool(x, "\(name).branch3"),
    ])
  }
}

/// Inception-ResNet-v2 with timm's key names, from the same paper as `InceptionV4`.
struct InceptionResNetV2: Architecture {
  static let names = ["inception_resnet_v2"]

  let name = "inception_resnet_v2"
  let headName = "classif"

  static func recognises(_ state: StateDict) -> Bool {
    state.isConvolution("conv2d_1a.conv.weight") && state.isConvolution("mixed_5b.branch0.conv.weight")
      && state.isConvolution("block8.conv2d.weight") && state.headName("classif") != nil
  }

  init(_ state: StateDict, name requested: String?) throws {}

  func build(_ b: inout GraphBuilder) throws -> GraphBuilder.Value {
    b.eps = 1e-3
    let halving = Window(3, stride: 2)
    var x = try b.inceptionUnit(b.input(), "conv2d_1a", stride: 2, isValid: true)
    x = try b.inceptionUnit(x, "conv2d_2a", isValid: true)
    x = b.maxPool(try b.inceptionUnit(x, "conv2d_2b"), halving)
    x = try b.inceptionUnit(x, "conv2d_3b")
    x = b.maxPool(try b.inceptionUnit(x, "conv2d_4a", isValid: true), halving)
    x = b.concatenate(
      try (0..<3).map { try b.inceptionBranch(x, "mixed_5b.branch\($0)") }
        + [try b.inceptionPool(x, "mixed_5b.branch3")])
    // The factors of the residuals are those that keep training stable, which no key shows.
    x = try repeated(&b, x, "repeat", factor: 0.17)
    x = try reduced(&b, x, "mixed_6a", branches: 2)
    x = try repeated(&b, x, "repeat_1", factor: 0.1)
    x = try reduced(&b, x, "mixed_7a", branches: 3)
    x = try repeated(&b, x, "repeat_2", factor: 0.2)
    x = try residual(&b, x, "block8", factor: 1)
    x = try b.inceptionUnit(x, "conv2d_7b")
    return try b.head(b.globalAverage(x), "classif")
  }

  private func reduced(
    _ b: inout GraphBuilder, _ x: GraphBuilder.Value, _ name: String, branches: Int
  ) throws -> GraphBuilder.Value {
    let results = try (0..<branches).map {
      try b.inceptionBranch(x, "\(name).branch\($0)", stride: 2, isValid: true)
    }
    return b.concatenate(results + [b.maxPool(x, Window(3, stride: 2))])
  }

  private func repeated(
    _ b: inout GraphBuilder, _ x: GraphBuilder.Value, _ name: String, factor: Float
  ) throws -> GraphBuilder.Value {
    var x = x
    for index in 0..<b.state.count("\(name).", ".conv2d.weight") {
      x = b.activation(try residual(&b, x, "\(name).\(index)", factor: factor), .relu)
    }
    return x
  }

  private func residual(
    _ b: inout GraphBuilder, _ x: GraphBuilder.Value, _ name: String, factor: Float
  ) throws -> GraphBuilder.Value {
    let branches = b.state.contains("\(name).branch2.0.conv.weight") ? 3 : 2
    let results = try (0..<branches).map { try b.inceptionBranch(x, "\(name).branch\($0)") }
    var y = try b.convolution(b.concatenate(results), "\(name).conv2d", kernel: 1)
    if factor != 1 { y = b.scale(y, by: factor) }
    return try b.add(y, x, "\(name).conv2d")
  }
}

extension GraphBuilder {
  /// A convolution with its BatchNorm and ReLU, without padding if `isValid`.
  fileprivate mutating func inceptionUnit(
    _ x: Value, _ name: String, stride: Int = 1, isValid: Bool = false
  ) throws -> Value {
    try convolutionNorm(
      x, "\(name).conv", "\(name).bn", stride: stride, padding: isValid ? .all(0) : nil, .relu)
  }

  /// One unit, or several one after the other, of which the last strides or has no padding.
  fileprivate mutating func inceptionBranch(
    _ x: Value, _ name: String, stride: Int = 1, isValid: Bool = false
  ) throws -> Value {
    let count = state.count("\(name).", ".conv.weight")
    guard count > 0 else { return try inceptionUnit(x, name, stride: stride, isValid: isValid) }
    var y = x
    for index in 0..<count {
      let isLast = index == count - 1
      y = try inceptionUnit(
        y, "\(name).\(index)", stride: isLast ? stride : 1, isValid: isLast && isValid)
    }
    return y
  }

  /// The branch that takes means before its only unit.
  fileprivate mutating func inceptionPool(_ x: Value, _ name: String) throws -> Value {
    let means = averagePool(x, Window(3, padding: 1), countIncludePad: false)
    return try inceptionUnit(means, "\(name).1")
  }
}
