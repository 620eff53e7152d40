import Checkpoint

/// SelecSLS with the key names of timm.
///
/// Mehta et al., "XNect: Real-time Multi-Person 3D Motion Capture with a Single RGB Camera" (2020): a block joins the
/// results of its three large convolutions, and that of the first block of its level.
struct SelecSLS: TabulatedArchitecture {
  static let family = "selecsls"

  let published: Published

  func build(_ b: inout GraphBuilder) throws -> GraphBuilder.Value {
    var x = try b.pair(b.input(), "stem", stride: 2, .relu)
    var first = x
    for (index, stride) in row.integers("strides").enumerated() {
      let name = "features.\(index)"
      let one = try b.pair(x, "\(name).conv1", stride: stride, .relu)
      let two = try b.pair(b.pair(one, "\(name).conv2", .relu), "\(name).conv3", .relu)
      let three = try b.pair(b.pair(two, "\(name).conv4", .relu), "\(name).conv5", .relu)
      let own = one.channels + two.channels + three.channels
      let isFirst = b.state.shape("\(name).conv6.0.weight")?.dropFirst().first == own
      x = try b.pair(
        b.concatenate([one, two, three] + (isFirst ? [] : [first])), "\(name).conv6", .relu)
      if isFirst { first = x }
    }
    for (index, stride) in row.integers("head-strides").enumerated() {
      x = try b.pair(x, "head.\(index)", stride: stride, .relu)
    }
    return try b.head(b.globalAverage(x), "fc")
  }
}
