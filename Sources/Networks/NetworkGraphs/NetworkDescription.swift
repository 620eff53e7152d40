import Checkpoint

/// A network as described by a checkpoint: its layers and the names of their weights, without any arithmetic.
///
/// ```swift
/// let checkpoint = try openCheckpoint(.path("resnet18.safetensors"))
/// let description = try NetworkDescription(checkpoint)
/// print(description.architectureName, description.classCount)
/// print(description.batchNorms.map(\.name))
/// print(try description.multiplyAdds(height: 224, width: 224))
/// ```
public struct NetworkDescription: Sendable {
  /// A published name such as `resnet18`, or a description such as `resnet [2,2,2,2] basic width 9`.
  public let architectureName: String
  /// Other networks whose checkpoints have the same tensors but which compute differently; empty where the
  /// architecture is certain.
  public let alternatives: [String]
  /// Source that determined the architecture.
  public private(set) var evidence = Evidence.tensors
  /// A convention that no tensor shows and that was assumed, on one line; nil where the network was named.
  public let assumption: String?
  /// True if torchvision's published weights of this network take inputs scaled to ±1 instead of ImageNet's mean and
  /// deviation (`transform_input`).
  public let transformsInput: Bool
  /// How tensors of the checkpoint were found that have another name than in the ONNX file, on one line; nil where all
  /// have the same.
  public internal(set) var nameRemark: String?
  /// True if an ONNX file describes the network.
  public let isImported: Bool
  /// The checkpoint as opened.
  public let checkpoint: any CheckpointSource
  /// All BatchNorms in execution order.
  public let batchNorms: [BatchNormLayer]
  private var pooling: String?
  package let graph: Graph
  /// The checkpoint's tensors plus those that only the ONNX file has.
  package let weights: StateDict

  /// Source that determines the architecture before the tensors confirm it.
  public enum Evidence: Sendable, Equatable, CustomStringConvertible {
    /// A name that was asked for.
    case request
    /// A name that the file records: in its metadata, a `config.json` or training arguments, as given.
    case record(String)
    /// The graph of an ONNX file.
    case onnx
    /// Names and shapes of the tensors alone.
    case tensors

    /// Noun phrase for a report.
    public var description: String {
      switch self {
      case .request: "the name given"
      case .record(let source): source
      case .onnx: "the ONNX graph"
      case .tensors: "names and shapes of the tensors"
      }
    }
  }

  /// The network described by a checkpoint's keys and shapes.
  ///
  /// - Parameters:
  ///   - checkpoint: A state dict with PyTorch's names and layouts.
  ///   - architecture: Name of the architecture; nil recognizes it.
  /// - Throws: `NetworkError` for unknown architectures, missing tensors and wrong shapes.
  public init(_ checkpoint: any CheckpointSource, architecture: String? = nil) throws {
    let state = StateDict(checkpoint)
    let family = try ArchitectureRegistry.architecture(for: state, named: architecture)
    try self.init(checkpoint, as: family, state: state, requested: architecture)
  }

  /// The network that a family makes of a checkpoint's keys and shapes.
  init(
    _ checkpoint: any CheckpointSource, as family: any Architecture, state: StateDict,
    requested architecture: String?
  ) throws {
    var builder = GraphBuilder(state, architecture: family.name)
    let output = try family.build(&builder)
    let prefixes = type(of: family).ignorablePrefixes
    let leftovers = builder.leftovers { name in
      prefixes.contains { name.string.utf8.starts(with: $0.utf8) }
    }
    guard leftovers.isEmpty else {
      throw NetworkError.leftoverTensors(
        label: state.label, architecture: family.name, names: Array(leftovers.prefix(5)),
        count: leftovers.count)
    }
    let layout = Layout(
      builder.consumed.values, head: family.headName,
      ownHead: state.headName(family.headName) ?? family.headName)
    let published = PublishedNames.names(of: layout)
    // A family confirms names that no layout has to itself.
    let isOwn = published.contains(family.name) || family.name == architecture
    var name = isOwn ? family.name : published.first ?? family.name
    if let architecture, PublishedNames.digests[architecture] != nil {
      if published.contains(architecture) {
        name = architecture
      } else if !type(of: family).names.contains(architecture) {
        throw NetworkError.otherArchitecture(label: state.label, requested: architecture, found: name)
      }
    }
    self.init(
      builder.graph(output: output), name: name, alternatives: architecture == nil ? family.rarer : [],
      assumption: family.assumption, transformsInput: type(of: family).transformsInput,
      checkpoint: checkpoint, weights: state)
    pooling = family.pooling
    if architecture != nil { evidence = .request }
  }

  /// The network of a checkpoint according to the file itself: its own layers if it is an ONNX file, else the
  /// architecture named by its metadata, its `config.json` or its training arguments, else the one recognized
  /// from its tensors.
  ///
  /// - Throws: `NetworkError.unknownRecordedName` when the file names a network of another family,
  ///   `NetworkError.recordedArguments` when it was built with arguments of its own; errors of the other initializers.
  public init(recordedIn checkpoint: any CheckpointSource) throws {
    if let model = (checkpoint as? ONNXCheckpoint)?.model {
      try self.init(checkpoint, onnx: model)
    } else {
      do {
        let recorded = try Self.recordedName(of: checkpoint)
        try self.init(checkpoint, architecture: recorded?.name)
        guard let recorded else { return }
        evidence = .record(recorded.source)
        if let pooling = recorded.pooling, pooling != self.pooling {
          throw NetworkError.recordedArguments(
            label: checkpoint.label, name: recorded.name, source: recorded.source,
            arguments: [Self.poolingArgument + pooling])
        }
      } catch NetworkError.unknownName(let name, _) {
        throw NetworkError.unknownRecordedName(
          label: checkpoint.label, name: name, source: MetadataKey.architecture)
      }
    }
  }

  private static let poolingArgument = "global_pool="

  /// The architecture named by a checkpoint, where, and the pooling before its classifier in timm's words, which timm
  /// records even if it is the network's own; nil where the checkpoint names none.
  private static func recordedName(
    of checkpoint: any CheckpointSource
  ) throws -> (name: String, source: String, pooling: String?)? {
    if let text = checkpoint.metadata[MetadataKey.architecture] {
      // Arguments follow the name: `vit_tiny_patch16_224 global_pool=token`.
      let words = text.split(separator: " ")
      guard let last = words.last, words.count == 2, last.hasPrefix(poolingArgument) else {
        return (text, MetadataKey.architecture, nil)
      }
      return (String(words[0]), MetadataKey.architecture, String(last.dropFirst(poolingArgument.count)))
    }
    guard let recorded = checkpoint.origin.model, let name = recorded.architecture else { return nil }
    // Tags of timm's weights follow the architecture's name: `resnet50.a1_in1k`.
    let bare = String(name.prefix { $0 != "." })
    guard recorded.arguments.isEmpty else {
      throw NetworkError.recordedArguments(
        label: checkpoint.label, name: name, source: recorded.source.rawValue, arguments: recorded.arguments)
    }
    if ArchitectureRegistry.names.contains(bare) || PublishedNames.digests[bare] != nil {
      return (bare, recorded.source.rawValue, recorded.pooling)
    }
    // Names of hyperparameters are the choice of a Lightning module's author.
    if recorded.source == .lightning { return nil }
    throw NetworkError.unknownRecordedName(
      label: checkpoint.label, name: name, source: recorded.source.rawValue)
  }

  init(
    _ graph: Graph, name: String, alternatives: [String] = [], assumption: String? = nil,
    transformsInput: Bool = false, isImported: Bool = false, checkpoint: any CheckpointSource,
    weights: StateDict
  ) {
    self.graph = graph
    architectureName = name
    self.alternatives = alternatives
    self.assumption = assumption
    self.transformsInput = transformsInput
    self.isImported = isImported
    self.checkpoint = checkpoint
    self.weights = weights
    batchNorms = graph.batchNorms
    if isImported { evidence = .onnx }
  }

  /// Number of logits per image; without meaning where `isPartial`.
  public var classCount: Int { graph.nodes[graph.output].channels }

  /// Number of channels of the input.
  public var inputChannels: Int { graph.nodes[0].channels }

  /// A text that differs where the layers do; the name for recognized networks.
  public var layerDescription: String { isImported ? "\(graph.nodes)" : architectureName }

  /// Multiply-adds of the convolutions and fully connected layers for one image of the given size.
  ///
  /// - Throws: `NetworkError.inputTooSmall`.
  public func multiplyAdds(height: Int, width: Int) throws -> Int {
    try graph.multiplyAdds(height: height, width: width)
  }
}

extension NetworkDescription {
  /// A checkpoint under the names that its network gives to the tensors.
  ///
  /// The names of the file are tried first, then those without a prefix that a training script added, such as
  /// `model.`.
  ///
  /// - Parameter checkpoint: A state dict with PyTorch's names and layouts.
  /// - Returns: The checkpoint, or a `NetworkView` of it, which is written back under the names of the file.
  public static func view(of checkpoint: any CheckpointSource) -> any CheckpointSource {
    func isKnown(_ source: any CheckpointSource) -> Bool {
      let state = StateDict(source)
      return ArchitectureRegistry.families.contains { $0.recognises(state) }
    }
    return isKnown(checkpoint) ? checkpoint : networkViews(of: checkpoint).first(where: isKnown) ?? checkpoint
  }

  /// A checkpoint under the names of an ONNX file's initializers: the file's own, unless more initializers
  /// match after a prefix.
  public static func view(of checkpoint: any CheckpointSource, onnx model: ONNXModel) -> any CheckpointSource
  {
    let names = model.initializers.filter { $0.value.spec.dtype.isFloatingPoint }.map(\.key)
    func score(_ source: any CheckpointSource) -> Int { names.count { source.index(of: $0) != nil } }
    var best: (source: any CheckpointSource, score: Int) = (checkpoint, score(checkpoint))
    for view in networkViews(of: checkpoint) {
      let score = score(view)
      if score > best.score { best = (view, score) }
    }
    return best.source
  }
}
