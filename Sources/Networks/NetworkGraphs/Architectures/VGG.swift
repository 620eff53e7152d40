/// VGG with and without BatchNorm.
///
/// Simonyan, Zisserman, "Very Deep Convolutional Networks" (2015). torchvision's classifier is
/// `classifier.0/3/6` on a 7x7 map; timm's is `pre_logits.fc1/fc2` as convolutions and `head.fc`. Gaps in the
/// numbering of the layers show the pooling layers, which have no parameters.
struct VGG: Architecture {
  static let names = ["vgg"] + [11, 13, 16, 19].flatMap { ["vgg\($0)_bn", "vgg\($0)"] }

  let name: String
  private let convolutions: [Int]
  private let hasNorms: Bool
  private let isTimm: Bool

  var headName: String { isTimm ? "head.fc" : "classifier.6" }

  static func recognises(_ state: StateDict) -> Bool {
    state.isConvolution("features.0.weight")
      && (state.contains("classifier.6.weight") || state.isConvolution("pre_logits.fc1.weight"))
  }

  init(_ state: StateDict, name requested: String?) throws {
    convolutions = (0..<state.source.tensors.count).filter { state.isConvolution("features.\($0).weight") }
    hasNorms = state.contains("features.1.running_mean")
    isTimm = state.contains("pre_logits.fc1.weight")
    let width = state.shape("features.0.weight")?.first ?? 0
    let published = "vgg\(convolutions.count + 3)" + (hasNorms ? "_bn" : "")
    let isPublished = width == 64 && Self.names.contains(published)
    let description = "vgg [\(convolutions.count)] width \(width)" + (hasNorms ? " bn" : "")
    name = isPublished ? published : description
    if let requested, requested != "vgg", requested != published {
      throw NetworkError.otherArchitecture(label: state.label, requested: requested, found: name)
    }
  }

  func build(_ b: inout GraphBuilder) throws -> GraphBuilder.Value {
    var x = b.input()
    let step = hasNorms ? 3 : 2
    for (position, index) in convolutions.enumerated() {
      x = try b.convolution(x, "features.\(index)", kernel: 3)
      if hasNorms { x = try b.batchNorm(x, "features.\(index + 1)") }
      x = b.activation(x, .relu)
      let isLast = position == convolutions.count - 1
      if isLast || convolutions[position + 1] > index + step { x = b.maxPool(x, Window(2, stride: 2)) }
    }
    if isTimm {
      x = b.activation(try b.convolution(x, "pre_logits.fc1", padding: .all(0)), .relu)
      x = b.activation(try b.convolution(x, "pre_logits.fc2", padding: .all(0)), .relu)
      return try b.linear(b.globalAverage(x), "head.fc")
    }
    x = b.adaptiveAverage(x, height: 7, width: 7)
    x = b.activation(try b.linear(x, "classifier.0", height: 7, width: 7), .relu)
    x = b.activation(try b.linear(x, "classifier.3"), .relu)
    return try b.linear(x, "classifier.6")
  }
}
