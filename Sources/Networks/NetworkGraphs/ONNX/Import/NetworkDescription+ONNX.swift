import Checkpoint
import Platform

extension NetworkDescription {
  /// The network of an ONNX file with the weights of a checkpoint.
  ///
  /// Tensors are looked up by the names of the file's initializers. Constants that the checkpoint lacks, such
  /// as the filter of a blurring pool, come from the file.
  /// - Parameters:
  ///   - checkpoint: A state dict with the initializers' names and layouts, or the file itself as
  ///     `ONNXCheckpoint`.
  ///   - model: The ONNX file of the network.
  /// - Throws: `ONNXImportError` and `ONNXError` where the file is at fault; `NetworkError` where a tensor of
  ///   the checkpoint has another shape; errors of reading.
  public init(_ checkpoint: any CheckpointSource, onnx model: ONNXModel) throws {
    let state = StateDict(checkpoint)
    let (graph, ownTensors) = try Self.graph(of: model, state)
    if (checkpoint as? ONNXCheckpoint)?.model.label != model.label {
      try Self.checkNorms(graph, state, ownTensors, model)
    }
    let source =
      ownTensors.isEmpty
      ? checkpoint : OverlaidCheckpoint(checkpoint, adding: ownTensors)
    let name =
      model.label.utf8.split(separator: UInt8(ascii: "/")).last.map { String(Substring($0)) } ?? model.label
    self.init(graph, name: name, isImported: true, checkpoint: checkpoint, weights: StateDict(source))
  }

  /// Where the file leaves the image's size open, two sizes must give the same layers. TensorFlow's padding
  /// is computed from the size; it is constant over all sizes that stay even down to the smallest map. Weights for a number of
  /// tokens fit one size alone, which is then the network's.
  private static func graph(of model: ONNXModel, _ state: StateDict) throws -> (
    Graph, [TensorName: TensorValue]
  ) {
    func build(_ height: Int, _ width: Int) throws -> (Graph, [TensorName: TensorValue]) {
      var importer = ONNXImporter(model, state, height: height, width: width)
      return (try importer.graph(), importer.ownTensors)
    }
    let shape = model.inputs.first?.shape.flatMap { $0.count == 4 ? $0 : nil }
    let (rows, columns) = (shape?[2], shape?[3])
    func bound(_ result: (Graph, [TensorName: TensorValue]), _ height: Int, _ width: Int) -> (
      Graph, [TensorName: TensorValue]
    ) {
      var result = result
      result.0.describedSize = MapSize(height: height, width: width, channels: result.0.nodes[0].channels)
      return result
    }
    if let rows, let columns {
      let result = try build(rows, columns)
      return result.0.isBoundToSize ? bound(result, rows, columns) : result
    }
    let first: (Graph, [TensorName: TensorValue])
    do {
      first = try build(rows ?? 224, columns ?? 224)
    } catch let error as ONNXImportError {
      guard case .unsupportedUse = error else { throw error }
      // The number of tokens that a file has weights for tells its size.
      for side in usualSizes {
        if let result = try? build(rows ?? side, columns ?? side) {
          return bound(result, rows ?? side, columns ?? side)
        }
      }
      throw error
    }
    var (graph, ownTensors) = first
    let other: Graph
    do {
      other = try build(rows ?? 288, columns ?? 320).0
    } catch {
      return bound(first, rows ?? 224, columns ?? 224)
    }
    if other != graph {
      let differing = zip(graph.nodes, other.nodes).first { $0 != $1 }?.0.name ?? "?"
      throw ONNXImportError.dependsOnSize(label: model.label, node: differing)
    }
    graph.sizeDivisor =
      [1, 2, 4, 8, 16].first { (try? build(rows ?? 224 + $0, columns ?? 288 + $0))?.0 == graph } ?? 32
    return (graph, ownTensors)
  }

  /// Sides of images that networks with a fixed number of tokens are published for.
  private static let usualSizes = [256, 384, 240, 336, 448, 512, 518, 192]

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

/// Reasons that the network of an ONNX file cannot be run.
public enum ONNXImportError: ClassifiedError, Sendable, Equatable {
  /// An unsupported operator.
  case unsupportedOperator(label: String, node: String, type: String)
  /// A supported operator in an unsupported form.
  case unsupportedUse(label: String, node: String, type: String, reason: String)
  /// The network is not an image classifier.
  case notClassifier(label: String, reason: String)
  /// The exporter has folded the BatchNorms into the convolutions.
  case foldedBatchNorms(label: String, checkpoint: String)
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
    case .foldedBatchNorms(let label, let checkpoint):
      return
        "\(escape(label)): the BatchNorms of \(escape(checkpoint)) are not in it, the exporter has computed them "
        + "into the convolutions; \(Self.exportAdvice)"
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
