import Checkpoint
import Platform

extension NetworkDescription {
  /// The network of an ONNX file with the weights of a checkpoint.
  ///
  /// Tensors are looked up by the names of the file's initializers, or by `InitializerNames` where these differ.
  /// Constants that the checkpoint lacks, such as the filter of a blurring pool, come from the file.
  /// - Parameters:
  ///   - checkpoint: A state dict with the initializers' layouts, or the file itself as `ONNXCheckpoint`.
  ///   - model: The ONNX file of the network.
  ///   - part: Nodes that are imported.
  /// - Throws: `ONNXImportError` and `ONNXError` where the file is at fault; `NetworkError` where a tensor of
  ///   the checkpoint has another shape; errors of reading.
  public init(
    _ checkpoint: any CheckpointSource, onnx model: ONNXModel, part: ImportedPart = .classifier
  ) throws {
    let state = StateDict(checkpoint)
    let isOwn = (checkpoint as? ONNXCheckpoint)?.model.label == model.label
    let names = isOwn ? InitializerNames() : InitializerNames(of: model, in: state)
    let imported = try ImportedGraph(model, state, part: part, aliases: names.aliases)
    if !isOwn {
      try Self.checkNorms(imported.graph, state, imported.ownTensors, model)
      try Self.checkWeights(imported.graph, state, imported.ownTensors, model)
    }
    let source =
      imported.ownTensors.isEmpty
      ? checkpoint : OverlaidCheckpoint(checkpoint, adding: imported.ownTensors)
    let name =
      model.label.utf8.split(separator: UInt8(ascii: "/")).last.map { String(Substring($0)) } ?? model.label
    self.init(
      imported.graph, name: name, isImported: true, checkpoint: checkpoint, weights: StateDict(source))
    nameRemark = names.remark
  }

  /// True if the network is known up to its last BatchNorm only, so that it has no logits.
  public var isPartial: Bool { graph.isPartial }

  /// BatchNorms of the checkpoint that are not in the network: their statistics cannot be computed.
  public var absentBatchNorms: [TensorName] {
    let known = Set(batchNorms.map(\.runningMeanKey))
    return checkpoint.tensors.map(\.name).filter {
      $0.string.hasSuffix(".running_mean") && !known.contains($0)
    }
  }

  /// An exporter that folds BatchNorms into convolutions may keep the convolutions' names: such a file with a
  /// checkpoint's weights would be another network.
  private static func checkNorms(
    _ graph: Graph, _ state: StateDict, _ ownTensors: [TensorName: TensorValue], _ model: ONNXModel
  ) throws {
    let used = Set(graph.batchNorms.map(\.runningMeanKey))
    let unused = state.source.tensors.contains {
      $0.name.string.hasSuffix(".running_mean") && !used.contains($0.name)
    }
    if unused && (used.isEmpty || !ownTensors.isEmpty) {
      throw ONNXImportError.foldedBatchNorms(label: model.label, checkpoint: state.label)
    }
  }
}

extension NetworkDescription {
  /// Exporters that invent names would have the file's own weights taken where the checkpoint has others for them.
  private static func checkWeights(
    _ graph: Graph, _ state: StateDict, _ ownTensors: [TensorName: TensorValue], _ model: ONNXModel
  ) throws {
    guard !ownTensors.isEmpty else { return }
    let used = Set(graph.nodes.flatMap(\.operation.tensors))
    let unused = state.source.tensors.filter {
      $0.shape.count > 1 && $0.dtype.isFloatingPoint && !used.contains($0.name)
    }
    for node in graph.nodes where node.operation.isProduct {
      // What was computed at import was computed from the checkpoint's tensors.
      guard let key = node.operation.tensors.first, let own = ownTensors[key],
        !key.string.utf8.starts(with: ONNXImporter.constantPrefix.utf8),
        let other = unused.first(where: { $0.shape == own.shape || $0.shape == own.shape.reversed() })
      else { continue }
      throw ONNXImportError.unmatchedWeight(
        label: model.label, tensor: key, checkpoint: state.label, candidate: other.name)
    }
  }
}

/// Reasons that the network of an ONNX file cannot be run.
public enum ONNXImportError: ClassifiedError, Sendable, Equatable {
  /// An unsupported operator.
  case unsupportedOperator(label: String, node: String, type: String)
  /// A supported operator in an unsupported form.
  case unsupportedUse(label: String, node: String, type: String, reason: String)
  /// The network is not an image classifier.
  case notClassifier(label: String, reason: String)
  /// The network's BatchNorms cannot be computed.
  case notComputable(label: String, reason: String)
  /// BatchNorms are computed from more than one input.
  case severalInputs(label: String, names: [TensorName])
  /// The exporter has folded the BatchNorms into the convolutions.
  case foldedBatchNorms(label: String, checkpoint: String)
  /// A layer's weight is under another name in the checkpoint, and shapes do not say under which.
  case unmatchedWeight(label: String, tensor: TensorName, checkpoint: String, candidate: TensorName)
  /// A layer of the ONNX file is not in the checkpoint.
  case missingTensor(label: String, tensor: TensorName, checkpoint: String)
  /// Numbers in the network depend on the size of its input.
  case dependsOnSize(label: String, node: String)

  /// Advice for calling PyTorch's exporters without folding BatchNorms.
  public static let exportAdvice =
    #"export again with torch.onnx.export(model.eval(), (x,), "model.onnx", dynamo=True, optimize=False) or "#
    + "with dynamo=False, training=torch.onnx.TrainingMode.PRESERVE, do_constant_folding=False"
}

extension ONNXImportError: CustomStringConvertible {
  /// One line without the tool's name; names in it are escaped.
  public var description: String {
    func escape(_ text: String) -> String { escapedForDiagnostics(text) }
    switch self {
    case .unsupportedOperator(let label, let node, let type):
      return
        "\(escape(label)): node \"\(escape(node))\": operator \(escape(type)) is not supported; supported are "
        + ONNXImporter.operators.keys.sorted().joined(separator: ", ")
    case .unsupportedUse(let label, let node, let type, let reason):
      return "\(escape(label)): node \"\(escape(node))\" (\(escape(type))): \(reason)"
    case .notClassifier(let label, let reason):
      return "\(escape(label)): not an image classifier: \(reason)"
    case .notComputable(let label, let reason):
      return "\(escape(label)): the BatchNorms cannot be computed: \(reason)"
    case .severalInputs(let label, let names):
      return
        "\(escape(label)): the BatchNorms are computed from \(names.count) inputs, of which all but the image are "
        + "expected to be constants: " + names.map { "\"\($0.escaped)\"" }.joined(separator: ", ")
    case .foldedBatchNorms(let label, let checkpoint):
      return
        "\(escape(label)): the BatchNorms of \(escape(checkpoint)) are not in it, the exporter has computed them "
        + "into the convolutions; \(Self.exportAdvice)"
    case .unmatchedWeight(let label, let tensor, let checkpoint, let candidate):
      return
        "\(escape(checkpoint)): no tensor has the name of \(escape(label))'s weight \"\(tensor.escaped)\", and shapes "
        + "and order do not say which it is (\"\(candidate.escaped)\" may be); \(Self.exportAdvice)"
    case .missingTensor(let label, let tensor, let checkpoint):
      return
        "\(escape(checkpoint)): tensor \"\(tensor)\" is missing, which \(escape(label)) needs: it takes the "
        + "checkpoint's tensors by the names of its initializers"
    case .dependsOnSize(let label, let node):
      return
        "\(escape(label)): node \"\(escape(node))\" computes other layers for another size of the input; export it with "
        + "a fixed size of the input: leave dynamic_axes and dynamic_shapes out"
    }
  }
}
