import Checkpoint

/// Nodes of an ONNX file that are imported; others need no support.
public enum ImportedPart: Sendable, Equatable {
  /// Nodes that the first output is computed from, which must be a row of numbers for each image.
  case classifier
  /// BatchNorms and nodes that they are computed from: whatever follows the last of them, such as heads and the
  /// selection of boxes, has no part in their statistics.
  case batchNorms

  /// The kind of network in a message.
  var noun: String { self == .classifier ? "classifier" : "network" }
}

extension ONNXModel {
  /// The results of all BatchNorms, in the order of the nodes.
  var batchNormResults: [String] {
    nodes.filter { $0.type == "BatchNormalization" && $0.domain.isEmpty }.compactMap(\.outputs.first)
  }

  /// The nodes that contribute to some values, in their order.
  func nodes(before results: [String]) -> [ONNXNode] {
    var wanted = Set(results.map { TensorName($0) })
    var found: [ONNXNode] = []
    for node in nodes.reversed()
    where node.outputs.contains(where: { !$0.isEmpty && wanted.contains(TensorName($0)) }) {
      found.append(node)
      for input in node.inputs { wanted.insert(TensorName(input)) }
    }
    return found.reversed()
  }

  /// The file's inputs that some nodes read.
  func inputs(of nodes: [ONNXNode]) -> [Input] {
    let read = Set(nodes.flatMap(\.inputs).map { TensorName($0) })
    return inputs.filter { read.contains(TensorName($0.name)) }
  }

  /// The image that a part is computed from; nil where it is not the only input.
  func image(of part: ImportedPart) -> Input? {
    switch part {
    case .classifier: return inputs.first
    case .batchNorms:
      let read = inputs(of: nodes(before: batchNormResults))
      return read.count == 1 ? read[0] : read.isEmpty ? inputs.first(where: ONNXImporter.isImage) : nil
    }
  }
}
