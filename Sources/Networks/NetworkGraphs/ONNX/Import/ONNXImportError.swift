import Checkpoint
import Platform

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
      return "\(escape(label)): node \"\(escape(node))\" computes other layers for another size of the input"
    }
  }
}
