/// A checkpoint by the names that its network gives to the tensors.
///
/// Training scripts keep the network in an attribute, such as `model.` of a Lightning module or `backbone.` and `head.` of
/// MMPretrain. A network is recognized and worked on without these prefixes; what is written keeps them, as whoever
/// loads the result expects the names of the file:
///
///     let views = networkViews(of: checkpoint)
///     let view = views.first { isResNet($0) } ?? checkpoint
///     let mean = try view.value("bn1.running_mean")               // model.bn1.running_mean in the file
///     try rewriteCheckpoint(view, replacing: ["bn1.running_mean": mean], …)  // writes model.bn1.running_mean
public final class NetworkView: CheckpointSource {
  /// The checkpoint with the names of the file.
  public let file: any CheckpointSource
  /// Prefix that was removed from the names, such as `model.`.
  public let prefix: String
  private let renamed: RenamedCheckpoint

  /// - Returns: nil when two tensors would have the same name.
  init?(_ file: any CheckpointSource, prefix: String) {
    let names = file.tensors.map { Self.name($0.name, without: prefix) }
    guard let renamed = try? RenamedCheckpoint(file, names: names, origin: file.origin) else { return nil }
    self.file = file
    self.prefix = prefix
    self.renamed = renamed
  }

  /// The name in the file of a tensor; nil when there is none.
  public func fileName(of name: TensorName) -> TensorName? { renamed.baseName(of: name) }

  /// The name in diagnostics.
  public var label: String { file.label }
  /// The tensors of the network and whatever else there is, in the order of the file.
  public var tensors: [TensorSpec] { renamed.tensors }
  /// The metadata of the file.
  public var metadata: Metadata { file.metadata }
  /// Storage of the data.
  public var storage: CheckpointStorage { renamed.storage }
  /// The file's own statements.
  public var origin: CheckpointOrigin { renamed.origin }
  /// The place of a tensor.
  public func index(of name: TensorName) -> Int? { renamed.index(of: name) }
  /// A reader of a tensor.
  public func reader(at index: Int) -> TensorReader { renamed.reader(at: index) }

  /// The name of a tensor in the view; nil for what belongs to the training and not to the network.
  private static func name(_ name: TensorName, without prefix: String) -> TensorName? {
    let text = name.string.utf8
    func dropping(_ prefix: String) -> TensorName {
      TensorName(String(decoding: text.dropFirst(prefix.utf8.count), as: UTF8.self))
    }
    if begins(name, prefix) { return dropping(prefix) }
    // MMPretrain: ImageClassifier(backbone, neck, head), with the classifier of the backbone's own name.
    if prefix.utf8.elementsEqual("backbone.".utf8), begins(name, "head.fc.") { return dropping("head.") }
    // MoCo: the momentum encoder and its queue next to the encoder that is trained.
    if prefix.utf8.elementsEqual("encoder_q.".utf8),
      begins(name, "encoder_k.") || text.elementsEqual("queue".utf8) || text.elementsEqual("queue_ptr".utf8)
    {
      return nil
    }
    return name
  }

  fileprivate static func begins(_ name: TensorName, _ prefix: String) -> Bool {
    name.string.utf8.count > prefix.utf8.count && name.string.utf8.starts(with: prefix.utf8)
  }
}

/// Attributes that training scripts keep a network in.
private let containers = [
  "model", "net", "network", "backbone", "encoder", "encoder_q", "base_model", "base_encoder",
  "classifier_model",
  "student", "teacher", "visual", "trunk", "body", "resnet", "feature_extractor",
]

/// The views of a checkpoint without a prefix that a network may have before its names, the likeliest first;
/// not the checkpoint itself.
///
/// A prefix is considered when every name begins with it, whatever it is called, or when two or more do and it is one that
/// training scripts use; up to three of them in a row.
public func networkViews(of source: any CheckpointSource) -> [NetworkView] {
  var prefixes: [String] = []
  var pending = [""]
  for _ in 0..<3 {
    pending = pending.flatMap { prefix in nextPrefixes(of: source.tensors, after: prefix) }
    prefixes += pending
  }
  return prefixes.prefix(16).compactMap { NetworkView(source, prefix: $0) }
}

private func nextPrefixes(of tensors: [TensorSpec], after prefix: String) -> [String] {
  var counts: [TensorName: Int] = [:]
  var total = 0
  for tensor in tensors where prefix.isEmpty || NetworkView.begins(tensor.name, prefix) {
    total += 1
    let rest = tensor.name.string.utf8.dropFirst(prefix.utf8.count)
    guard let dot = rest.firstIndex(of: UInt8(ascii: ".")), dot != rest.startIndex else { continue }
    counts[TensorName(String(decoding: rest[..<dot], as: UTF8.self)), default: 0] += 1
  }
  var found = containers.filter { counts[TensorName($0), default: 0] > 1 }
  // There is at most one, whatever the order of the dictionary.
  if let whole = counts.first(where: { $0.value == total && total > 1 })?.key.string, !found.contains(whole) {
    found.insert(whole, at: 0)
  }
  return found.map { prefix + $0 + "." }
}
