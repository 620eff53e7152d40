import Checkpoint

/// A family of networks that is recognized by its keys and described through a graph builder.
protocol Architecture: Sendable {
  /// The names that select the family, from torchvision or timm.
  static var names: [String] { get }
  /// True if the keys are this family's; checks only a few, shapes are checked while building.
  static func recognises(_ state: StateDict) -> Bool
  /// The network described by these keys.
  /// - Parameter name: The requested one of `names`; nil when recognized.
  init(_ state: StateDict, name: String?) throws
  /// One of `names` for a published network, else a description that starts with the family's name.
  var name: String { get }
  /// Published networks with the same keys that compute differently and are taken for this one.
  var rarer: [String] { get }
  /// A convention that no tensor shows, on one line; nil where there is none, and where the network was named.
  var assumption: String? { get }
  /// Reduction of the last map or tokens to the features of the classifier, in timm's words: `avg`, `token` or `map`.
  var pooling: String { get }
  /// True if torchvision's published weights of the family take inputs scaled to ±1 (`transform_input`).
  static var transformsInput: Bool { get }
  /// The last layer's published name, such as `fc`.
  var headName: String { get }
  /// Prefixes of tensors that have no part in the logits, such as those of auxiliary heads.
  static var ignorablePrefixes: [String] { get }
  /// Adds the layers to the graph and returns the logits.
  func build(_ b: inout GraphBuilder) throws -> GraphBuilder.Value
}

extension Architecture {
  /// Empty: most signatures belong to one network.
  var rarer: [String] { [] }

  /// Nil: most networks are what their tensors show.
  var assumption: String? { nil }

  /// The mean over all places, as in most networks.
  var pooling: String { "avg" }

  /// False: most networks take images as they are normalized for them.
  static var transformsInput: Bool { false }

  /// Empty: most families read every tensor.
  static var ignorablePrefixes: [String] { [] }
}

/// The known families, in the order in which they are tried.
enum ArchitectureRegistry {
  static let families: [any Architecture.Type] = [
    ResNet.self, VGG.self, DenseNet.self, MobileNetV2.self, MobileNetV3.self, EfficientNet.self,
    // Families of known layouts come before those that take some of their keys for their own.
    RegNetVZ.self, RegNet.self,
    MNASNet.self, ShuffleNetV2.self, GoogLeNet.self, InceptionV3.self, MobileNetwork.self, MobileBlocks.self,
    EfficientNetPyTorch.self, SmallImageResNet.self,
    EdgeNeXt.self, ConvNeXt.self, TokenTransformer.self, HybridTransformer.self, VisionTransformer.self,
    SwinTransformer.self, Mixer.self,
    MetaFormer.self, NormFreeNet.self, MaxViT.self, XCiT.self, CaiT.self, SwinTransformerCR.self,
    PyramidTransformer.self, FocalNet.self, LeViT.self, MambaOut.self, InceptionNeXt.self,
    ByobNet.self, CSPNet.self, DeepLayerAggregation.self, VoVNet.self, HighResolutionNet.self,
    DualPathNet.self, GhostNet.self, RepViT.self, ReXNet.self, SelecSLS.self,
    Res2Net.self, ResNeSt.self, SKNet.self, ResNetV2.self, SENet.self, HGNet.self,
    InceptionV4.self, InceptionResNetV2.self, Xception.self, AlignedXception.self, EfficientViT.self,
    FastViT.self, StarNet.self, ConvMixer.self, FasterNet.self, SHViT.self, RDNet.self, TResNet.self,
    PoolingTransformer.self, EfficientFormer.self, Visformer.self, MobileViT.self, TinyViT.self, DaViT.self,
    SwiftFormer.self, SqueezeNet.self, MaxViTTorchvision.self, WideResNet.self, SmallImageDenseNet.self,
    NextViT.self, IFormer.self, LCNetV2.self, CSPNeXt.self, NestedTransformer.self, EfficientFormerV2.self,
    CoaT.self, VOLO.self, Hiera.self, GCViT.self, NASNet.self, PNASNet.self, EfficientViTMSRA.self,
    CrossViT.self, GroupNormResNet.self, ConViT.self, LowFormer.self, HieraDet.self, MultiscaleViT.self,
  ]

  static var names: [String] { families.flatMap { $0.names } }

  /// The named architecture, or the one recognized from the keys.
  static func architecture(for state: StateDict, named requested: String?) throws -> any Architecture {
    if let merged = mergedConvolution(of: state), !families.contains(where: { $0.recognises(state) }) {
      throw NetworkError.mergedBranches(label: state.label, tensor: merged)
    }
    guard let requested else {
      if let family = families.first(where: { $0.recognises(state) }) {
        return try family.init(state, name: nil)
      }
      let hasNorms = state.source.tensors.contains { $0.name.string.hasSuffix("running_mean") }
      throw NetworkError.unknownArchitecture(
        label: state.label, recognised: describe(state),
        known: hasNorms ? families.compactMap { $0.names.first } : [])
    }
    // torchvision and timm use some names for networks with different keys.
    let named = families.filter { $0.names.contains(requested) }
    if let family = named.first(where: { $0.recognises(state) }) {
      return try family.init(state, name: requested)
    }
    if let family = named.first {
      guard let own = families.first(where: { $0.recognises(state) }) else {
        return try family.init(state, name: requested)
      }
      let found = try own.init(state, name: nil).name
      throw NetworkError.otherArchitecture(label: state.label, requested: requested, found: found)
    }
    // A description of a network of unpublished size, such as "resnet [2,2,2,2] basic width 16".
    if let family = families.first(where: { $0.recognises(state) }) {
      let found = try family.init(state, name: nil)
      if found.name == requested { return found }
      if let word = requested.split(separator: " ").first, family.names.contains(String(word)) {
        throw NetworkError.otherArchitecture(label: state.label, requested: requested, found: found.name)
      }
    }
    // Published names of other sizes of a known family; the caller compares the whole layout.
    if PublishedNames.digests[requested] != nil, let family = families.first(where: { $0.recognises(state) })
    {
      return try family.init(state, name: nil)
    }
    throw NetworkError.unknownName(requested, known: families.compactMap { $0.names.first })
  }

  /// The first convolution that stands for the branches of a block, under the names of timm or of RepVGG's authors.
  private static func mergedConvolution(of state: StateDict) -> TensorName? {
    state.source.tensors.first {
      let name = $0.name.string
      return name.hasSuffix("reparam_conv.weight") || name.hasSuffix("rbr_reparam.weight")
    }?.name
  }

  /// Summary of a state dict that no family recognizes.
  private static func describe(_ state: StateDict) -> String {
    let tensors = state.source.tensors
    let convolutions = tensors.count { $0.shape.count == 4 }
    let norms = tensors.count { $0.name.string.hasSuffix("running_mean") }
    let first = tensors.prefix(3).map { "\"\($0.name.escaped)\"" }.joined(separator: ", ")
    return "\(tensors.count) tensors, \(convolutions) convolutions, \(norms) BatchNorms"
      + (first.isEmpty ? "" : ", keys such as \(first)")
  }
}

/// Numbers in the style of architecture descriptions.
func list(_ numbers: [Int]) -> String { "[" + numbers.map(String.init).joined(separator: ",") + "]" }
