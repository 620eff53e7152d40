/// ResNets with GroupNorms in place of BatchNorms, with timm's key names.
///
/// Wu, He: "Group Normalization" (2018); He et al., "Deep Residual Learning for Image Recognition" (2016).
struct GroupNormResNet: TabulatedArchitecture {
  static let family = "resnet-gn"

  let published: Published

  func build(_ b: inout GraphBuilder) throws -> GraphBuilder.Value {
    b.eps = row.real("eps")
    b.norms = .groups(row.integer("groups"))
    return try b.residualNetwork(b.state.residualBlocks(".conv1.weight")) { b, x, name, stride in
      let shortcut = try b.residualShortcut(x, name, stride: stride)
      var y = try b.convolutionNorm(x, "\(name).conv1", "\(name).bn1", kernel: 1, .relu)
      y = try b.convolutionNorm(y, "\(name).conv2", "\(name).bn2", kernel: 3, stride: stride, .relu)
      y = try b.convolutionNorm(y, "\(name).conv3", "\(name).bn3", kernel: 1, .identity)
      return b.activation(try b.add(y, shortcut, "\(name).conv3"), .relu)
    }
  }
}
