import Checkpoint
import NetworkExecution
import NetworkGraphs

/// The trainable tail of a network, and its way back into the checkpoint.
///
/// ```swift
/// let tail = try TunableTail(network, checkpoint: checkpoint, needsBatchNorm: true)
/// let tuner = try ClassifierTuner(TuningOptions(), activation: tail.activation, pool: pool)
/// let tuned = try tuner.tune(tail.start, on: train)
/// let changed = try tail.replacements(for: tuned)
/// ```
public struct TunableTail: Sendable {
  /// True if maps are cached and the last BatchNorm belongs to the tail; false if pooled features after it
  /// are cached.
  public let includesBatchNorm: Bool
  /// True if features without scale and shift of the last LayerNorm are cached, which belongs to the tail.
  public let includesLayerNorm: Bool
  /// Activation between the cached features and the pooling.
  public let activation: Activation
  /// The checkpoint's parameters.
  public let start: TailParameters

  /// Place that divides the network into a frozen and a tuned part; nil where the classifier and the last norm alone are
  /// tuned.
  public let cut: NetworkCut?

  package let network: Network
  private let checkpoint: any CheckpointSource
  private let classifier: ClassifierTail

  /// - Parameters:
  ///   - network: network with the weights of `checkpoint`.
  ///   - checkpoint: source of the parameters of classifier and BatchNorm.
  ///   - needsBatchNorm: true if the last BatchNorm is trained or its statistics change.
  ///   - needsLayerNorm: true if the last LayerNorm is trained.
  ///   - cut: place behind which layers are trained, norms included; nil for the classifier and those norms alone.
  /// - Throws: `TuningError.noClassifier`; `TuningError.noLastBatchNorm` where that BatchNorm is needed and
  ///   the network has none directly before its pooling; `TuningError.noLastLayerNorm` likewise; errors of reading
  ///   the checkpoint.
  public init(
    _ network: Network, checkpoint: any CheckpointSource, needsBatchNorm: Bool, needsLayerNorm: Bool = false,
    cut: NetworkCut? = nil
  ) throws {
    precondition(cut == nil || !(needsBatchNorm || needsLayerNorm), "norms behind the cut are tuned with it")
    self.network = network
    self.cut = cut
    self.checkpoint = checkpoint
    guard let classifier = network.classifier else {
      throw TuningError.noClassifier(architecture: network.architectureName)
    }
    self.classifier = classifier
    includesBatchNorm = needsBatchNorm
    if needsBatchNorm && classifier.lastBatchNorm == nil {
      throw TuningError.noLastBatchNorm(architecture: network.architectureName)
    }
    includesLayerNorm = needsLayerNorm
    if needsLayerNorm && classifier.lastLayerNorm == nil {
      throw TuningError.noLastLayerNorm(architecture: network.architectureName)
    }
    activation = needsBatchNorm ? classifier.activation : .identity
    func floats(_ key: TensorName) throws -> [Float] { try network.parameter(key).floats() }
    let weight = try floats(classifier.weightKey)
    start = TailParameters(
      weight: classifier.isTransposed
        ? Self.transposed(weight, rows: classifier.featureCount, columns: network.classCount) : weight,
      bias: try classifier.biasKey.map(floats),
      batchNorm: needsBatchNorm
        ? try classifier.lastBatchNorm.map { try Self.batchNorm($0, of: checkpoint) } : nil,
      layerNorm: needsLayerNorm
        ? try classifier.lastLayerNorm.map {
          LayerNormParameters(weight: try floats($0.weightKey), bias: try $0.biasKey.map(floats))
        } : nil,
      classes: network.classCount, channels: classifier.featureCount,
      layers: try cut.map { try Self.layers(behind: $0, of: network, checkpoint, except: classifier) })
  }

  /// The tuned tensors before the classifier and the statistics of all BatchNorms behind the cut.
  private static func layers(
    behind cut: NetworkCut, of network: Network, _ checkpoint: any CheckpointSource,
    except head: ClassifierTail
  ) throws -> LayerParameters {
    let names = cut.trained.filter { $0 != head.weightKey && $0 != head.biasKey }
    let values = try names.map { name in
      guard checkpoint.spec(name) != nil else {
        throw TuningError.notInCheckpoint(path: checkpoint.label, tensor: name)
      }
      return try checkpoint.value(name).floats()
    }
    return LayerParameters(
      names: names, values: values,
      batchNorms: try batchNorms(behind: cut, of: network).map { layer in
        LayerParameters.Statistics(
          runningMean: try checkpoint.value(layer.runningMeanKey).doubles(),
          runningVar: try checkpoint.value(layer.runningVarKey).doubles(),
          numBatchesTracked: try counter(layer.numBatchesTrackedKey, of: checkpoint))
      })
  }

  private static func batchNorms(behind cut: NetworkCut, of network: Network) -> [BatchNormLayer] {
    let nodes = Set(cut.nodes)
    return network.batchNorms.filter { nodes.contains($0.nodeIndex) }
  }

  /// Keys of the classifier's weight and bias.
  var classifierKeys: [TensorName] { [classifier.weightKey] + (classifier.biasKey.map { [$0] } ?? []) }

  /// Exponent of the learning-rate decay of a tensor.
  func depth(of tensor: TensorName) -> Int { cut?.depth(of: tensor) ?? 0 }

  /// Name of the last BatchNorm; nil where there is none directly before the pooling.
  public var batchNormName: String? { classifier.lastBatchNorm?.name }
  /// Name of the last LayerNorm; nil where there is none directly before classifier or pooling.
  public var layerNormName: String? { classifier.lastLayerNorm?.name }
  /// Name of the classifier.
  public var classifierName: String { classifier.name }

  private static func transposed(_ matrix: [Float], rows: Int, columns: Int) -> [Float] {
    (0..<matrix.count).map { matrix[$0 % rows * columns + $0 / rows] }
  }

  private static func batchNorm(
    _ layer: BatchNormLayer, of checkpoint: any CheckpointSource
  ) throws -> BatchNormParameters {
    func floats(_ key: TensorName, default value: Float) throws -> [Float] {
      guard checkpoint.spec(key) != nil else { return Array(repeating: value, count: layer.channels) }
      return try checkpoint.value(key).floats()
    }
    return BatchNormParameters(
      gamma: try floats(layer.weightKey, default: 1), beta: try floats(layer.biasKey, default: 0),
      runningMean: try checkpoint.value(layer.runningMeanKey).doubles(),
      runningVar: try checkpoint.value(layer.runningVarKey).doubles(),
      numBatchesTracked: try counter(layer.numBatchesTrackedKey, of: checkpoint),
      eps: layer.eps, momentum: layer.momentum)
  }

  /// The count of steps under `key`, of whatever type; nil when there is none.
  private static func counter(_ key: TensorName, of checkpoint: any CheckpointSource) throws -> Int64? {
    guard let spec = checkpoint.spec(key) else { return nil }
    guard spec.elementCount == 1, spec.dtype.isReal else {
      throw TuningError.badCounter(path: checkpoint.label, tensor: key, found: spec.layout)
    }
    let value = try checkpoint.value(key).doubles()[0]
    guard let count = Int64(exactly: value), BatchNormParameters.countersRange.contains(count) else {
      throw TuningError.badCounter(path: checkpoint.label, tensor: key, found: "\(value)")
    }
    return count
  }

  /// The BatchNorm that precedes pooled features.
  func frozenBatchNorm() throws -> BatchNormParameters? {
    guard !includesBatchNorm else { return nil }
    return try classifier.lastBatchNorm.map { try Self.batchNorm($0, of: checkpoint) }
  }

  var frozenActivation: Activation? {
    classifier.lastBatchNorm == nil ? nil : classifier.activation
  }

  /// Fingerprint of everything in the checkpoint that the cached features depend on.
  ///
  /// - Throws: errors of reading.
  public func backboneFingerprint() throws -> ContentHash {
    var own = [classifier.weightKey, classifier.biasKey].compactMap { $0 }
    if includesBatchNorm, let layer = classifier.lastBatchNorm {
      own += [
        layer.weightKey, layer.biasKey, layer.runningMeanKey, layer.runningVarKey, layer.numBatchesTrackedKey,
      ]
    }
    if includesLayerNorm, let layer = classifier.lastLayerNorm {
      own += [layer.weightKey] + (layer.biasKey.map { [$0] } ?? [])
    }
    if let cut, let layers = start.layers {
      own += layers.names
      for layer in Self.batchNorms(behind: cut, of: network) {
        own += [layer.runningMeanKey, layer.runningVarKey, layer.numBatchesTrackedKey]
      }
    }
    let excluded = Set(own)
    var hash = ContentHash()
    hash.add(network.description.layerDescription)
    if let cut { hash.add("cut \(cut.entries) \(layerNames(of: cut))") }
    hash.add(includesBatchNorm ? "maps" : includesLayerNorm ? "normalized" : "pooled")
    for spec in checkpoint.tensors.sorted(by: { $0.name < $1.name }) where !excluded.contains(spec.name) {
      hash.add(spec.name.string)
      hash.add("\(spec.dtype.name) \(spec.shape)")
      try checkpoint.value(spec.name).bytes.withUnsafeBytes { hash.add($0) }
    }
    return hash
  }

  private func layerNames(of cut: NetworkCut) -> String {
    cut.trained.map(\.escaped).joined(separator: " ")
  }

  /// The tensors of the checkpoint that tuning has changed, each in its original dtype.
  ///
  /// - Throws: `CheckpointError.unrepresentable` for a value beyond the range of that dtype.
  public func replacements(for tuned: TailParameters) throws -> [TensorName: TensorValue] {
    var result: [TensorName: TensorValue] = [:]
    func replace(_ key: TensorName, _ values: [Double], _ shape: [Int]? = nil) throws {
      guard let old = checkpoint.spec(key) else { return }
      result[key] = try TensorValue(doubles: values, shape: shape ?? old.shape, dtype: old.dtype, name: key)
    }
    // A linear layer may be stored as a 1×1 convolution; a new head keeps that form.
    let tail = checkpoint.spec(classifier.weightKey)?.shape.dropFirst(2) ?? []
    let isTransposed = classifier.isTransposed
    let weight =
      isTransposed
      ? Self.transposed(tuned.weight, rows: tuned.classes, columns: tuned.channels) : tuned.weight
    let shape = [tuned.classes, tuned.channels]
    try replace(
      classifier.weightKey, weight.map(Double.init), (isTransposed ? shape.reversed() : shape) + tail)
    if let key = classifier.biasKey, let bias = tuned.bias {
      try replace(key, bias.map(Double.init), [tuned.classes])
    }
    if let layer = classifier.lastLayerNorm, let norm = tuned.layerNorm {
      try replace(layer.weightKey, norm.weight.map(Double.init))
      if let key = layer.biasKey, let bias = norm.bias { try replace(key, bias.map(Double.init)) }
    }
    if let cut, let layers = tuned.layers {
      for (name, values) in zip(layers.names, layers.values) { try replace(name, values.map(Double.init)) }
      for (layer, norm) in zip(Self.batchNorms(behind: cut, of: network), layers.batchNorms) {
        try replace(layer.runningMeanKey, norm.runningMean)
        try replace(layer.runningVarKey, norm.runningVar)
        if let count = norm.numBatchesTracked { try replace(layer.numBatchesTrackedKey, [Double(count)]) }
      }
    }
    guard let layer = classifier.lastBatchNorm, let norm = tuned.batchNorm else { return result }
    try replace(layer.weightKey, norm.gamma.map(Double.init))
    try replace(layer.biasKey, norm.beta.map(Double.init))
    try replace(layer.runningMeanKey, norm.runningMean)
    try replace(layer.runningVarKey, norm.runningVar)
    if let count = norm.numBatchesTracked { try replace(layer.numBatchesTrackedKey, [Double(count)]) }
    return result
  }
}
