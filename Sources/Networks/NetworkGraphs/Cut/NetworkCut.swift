import Checkpoint

/// The place where a network is divided into a frozen and a tuned part.
///
/// Execution order decides: everything from some layer on is behind the cut. The maps that cross it, residual branches
/// included, are the inputs of the tuned part.
///
/// ```swift
/// let cut = try NetworkCut(description, at: .lastBlocks(2))
/// print(cut.trained.map(\.string))
/// ```
public struct NetworkCut: Sendable {
  /// Choice of the tensors behind the cut that are trained.
  public enum Point: Sendable, Equatable {
    /// The last blocks, that many, and everything after them.
    case lastBlocks(Int)
    /// Everything from the first tensor on, in execution order, whose name is this or goes on with a dot.
    case from(String)
    /// Scales and shifts of BatchNorms, from such a tensor on or of the whole network, and the classifier.
    case batchNorms(from: String?)
  }

  /// The choice.
  public let point: Point
  /// The trained tensors in execution order, those of the classifier included.
  public let trained: [TensorName]
  /// Names of the network's blocks in execution order.
  public let blockNames: [String]
  /// Nodes before the cut whose maps are read behind it, in execution order.
  package let entries: [Int]
  /// Nodes behind the cut that the logits depend on, in execution order.
  package let nodes: [Int]
  private let exponents: [TensorName: Int]

  /// - Parameters:
  ///   - description: the network.
  ///   - point: choice of the tuned part.
  /// - Throws: `NetworkError.unknownBlock` where no tensor has the prefix, `.tooFewBlocks`, `.noBatchNorm`.
  public init(_ description: NetworkDescription, at point: Point) throws(NetworkError) {
    let graph = description.graph
    let blocks = graph.blocks
    let needed = graph.contributing
    blockNames = blocks.map(\.name)
    self.point = point

    func firstNode(_ prefix: String) throws(NetworkError) -> Int {
      for node in needed where graph.nodes[node].operation.tensors.contains(where: { $0.isIn(prefix) }) {
        return node
      }
      throw .unknownBlock(prefix, architecture: description.architectureName, known: blocks.map(\.name))
    }
    var isTrained: (Operation) -> Bool = { _ in true }
    let first: Int
    switch point {
    case .lastBlocks(let count):
      guard count > 0, count <= blocks.count else {
        throw .tooFewBlocks(
          count: count, architecture: description.architectureName, known: blocks.map(\.name))
      }
      first = blocks.suffix(count).map(\.nodes.lowerBound).min()!
    case .from(let prefix): first = try firstNode(prefix)
    case .batchNorms(let prefix):
      let start = try prefix.map(firstNode) ?? 0
      let norms = needed.filter { node in
        if case .batchNorm = graph.nodes[node].operation { node >= start } else { false }
      }
      guard let norm = norms.first else {
        throw .noBatchNorm(from: prefix, architecture: description.architectureName)
      }
      first = norm
      isTrained = { operation in
        switch operation {
        case .batchNorm: true
        case .linear(let linear): graph.nodes[graph.output].operation == .linear(linear)
        default: false
        }
      }
    }
    nodes = needed.filter { $0 >= first }
    entries = Set(nodes.flatMap { graph.nodes[$0].inputs }).filter { $0 < first }.sorted()

    var names: [TensorName] = []
    var exponents: [TensorName: Int] = [:]
    for node in nodes where isTrained(graph.nodes[node].operation) {
      for name in graph.nodes[node].operation.tensors
      where exponents[name] == nil && description.weights.contains(name.string) {
        names.append(name)
        exponents[name] = blocks.count { $0.nodes.upperBound >= node }
      }
    }
    trained = names
    self.exponents = exponents
  }

  /// Number of blocks that end at the layer of a trained tensor or after it: the exponent of layer-wise learning-rate
  /// decay (Clark et al. 2020, "ELECTRA"; Bao et al. 2022, "BEiT"). 0 for all layers after the last block.
  public func depth(of tensor: TensorName) -> Int { exponents[tensor] ?? 0 }
}

extension Graph {
  /// Nodes that the output depends on, in execution order.
  var contributing: [Int] {
    var needed = Array(repeating: false, count: nodes.count)
    needed[output] = true
    for index in nodes.indices.reversed() where needed[index] {
      for input in nodes[index].inputs { needed[input] = true }
    }
    return nodes.indices.filter { needed[$0] }
  }
}

extension TensorName {
  /// True if the name is `prefix`, or goes on after it with a dot: `layer4.1` is no prefix of `layer4.10.conv1.weight`.
  func isIn(_ prefix: String) -> Bool {
    guard string.utf8.starts(with: prefix.utf8), !prefix.isEmpty else { return false }
    let rest = string.utf8.dropFirst(prefix.utf8.count)
    return rest.isEmpty || rest.first == UInt8(ascii: ".")
  }
}
