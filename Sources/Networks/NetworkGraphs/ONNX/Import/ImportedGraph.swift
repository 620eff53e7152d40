import Checkpoint

/// The graph of an ONNX file, checked to be the same whatever the size of the input.
///
/// The importer computes with an example size, so that a map resized to the size of another has numbers for its size.
/// Two examples show what these numbers are: the size of an earlier map, or the own size times a factor. TensorFlow's padding
/// is computed from the size; it is constant over all sizes that stay even down to the smallest map. Weights for a number of
/// tokens fit one size alone, which is then the network's; so do numbers of a file for one size that may have been computed
/// from it.
struct ImportedGraph {
  private(set) var graph: Graph
  /// Tensors of the file that the checkpoint lacks.
  let ownTensors: [TensorName: TensorValue]

  private typealias Size = (height: Int, width: Int)

  /// Sides of images that networks with a fixed number of tokens are published for.
  private static let usualSizes = [256, 384, 240, 336, 448, 512, 518, 192]

  /// Rows and columns added to an example, in steps, so that halves are odd after any number of poolings that round up or down:
  /// a map that was as large as another by chance differs at one of these sizes.
  private static let offsets = [(1, 3), (2, 5), (6, 7), (11, 4), (15, 26)]

  /// - Throws: `ONNXImportError`, `ONNXError`, `NetworkError`; errors of reading.
  init(
    _ model: ONNXModel, _ state: StateDict, part: ImportedPart, aliases: [TensorName: TensorName]
  ) throws {
    func build(_ size: Size) throws -> (graph: Graph, own: [TensorName: TensorValue]) {
      var importer = ONNXImporter(
        model, state, part: part, aliases: aliases, height: size.height, width: size.width)
      return (try importer.graph(), importer.ownTensors)
    }
    let shape = model.image(of: part)?.shape.flatMap { $0.count == 4 ? $0 : nil }
    let (rows, columns) = (shape?[2], shape?[3])
    func size(_ height: Int, _ width: Int) -> Size { (rows ?? height, columns ?? width) }

    let first = size(224, 224)
    if rows != nil && columns != nil {
      let only = try build(first)
      ownTensors = only.own
      graph = try Self.settled(only.graph, at: first)
      return
    }
    let one: (graph: Graph, own: [TensorName: TensorValue])
    do {
      one = try build(first)
    } catch let error as ONNXImportError {
      guard case .unsupportedUse = error else { throw error }
      // The number of tokens that a file has weights for tells its size.
      for side in Self.usualSizes {
        guard let result = try? build(size(side, side)) else { continue }
        graph = Self.bound(result.graph, to: size(side, side))
        ownTensors = result.own
        return
      }
      throw error
    }
    ownTensors = one.own
    let second = size(288, 320)
    guard let other = try? build(second).graph else {
      graph = Self.bound(one.graph, to: first)
      return
    }
    graph = Self.related(one.graph, first, other, second)
    guard Self.agrees(other, with: graph, at: second) else {
      let differing = zip(graph.nodes, other.nodes).first { !Self.isSame($0, $1) }?.0.name ?? "?"
      throw ONNXImportError.dependsOnSize(label: model.label, node: differing)
    }
    let found = graph
    let divisor = [1, 2, 4, 8, 16, 32].first { step in
      // The largest sizes would be beyond what large networks are allowed.
      Self.offsets.prefix(step == 32 ? 1 : Self.offsets.count).allSatisfy { rows, columns in
        let other = size(224 + step * rows, 288 + step * columns)
        return (try? build(other)).map { Self.agrees($0.graph, with: found, at: other) } ?? false
      }
    }
    guard let divisor else {
      throw ONNXImportError.dependsOnSize(label: model.label, node: graph.nodes[graph.output].name)
    }
    graph.sizeDivisor = divisor
  }

  /// The graph for inputs of one size alone.
  private static func bound(_ graph: Graph, to size: Size) -> Graph {
    var result = graph
    result.describedSize = MapSize(
      height: size.height, width: size.width, channels: graph.nodes[0].channels)
    return result
  }

  // MARK: Sizes of resized maps

  /// Another way to give the target of a resized map, with the nodes that the map then reads.
  private struct Relation {
    let target: Resampling.Target
    let inputs: [Int]
  }

  private static func target(_ node: Graph.Node) -> (resampling: Resampling, rows: Int, columns: Int)? {
    guard case .resample(let resampling) = node.operation,
      case .size(let rows, let columns) = resampling.target
    else { return nil }
    return (resampling, rows, columns)
  }

  /// The graph of the first example, with sizes that both examples explain in place of those of the example.
  private static func related(_ a: Graph, _ first: Size, _ b: Graph, _ second: Size) -> Graph {
    guard a.nodes.count == b.nodes.count, a.nodes.contains(where: { target($0) != nil }),
      let here = try? a.sizes(height: first.height, width: first.width),
      let there = try? b.sizes(height: second.height, width: second.width)
    else { return a }
    let readers = readers(a)
    return replacing(a) { index, node in
      guard let own = target(node), let others = target(b.nodes[index]) else { return nil }
      let source = node.inputs[0]
      let models = (0..<index).filter { place in
        here[place].height == own.rows && here[place].width == own.columns
          && there[place].height == others.rows && there[place].width == others.columns
      }
      // A map that several nodes read is kept anyway.
      if let model = models.last(where: { readers[$0].count > 1 }) ?? models.last {
        return Relation(target: .like, inputs: [source, model])
      }
      guard
        let rows = factor(own.rows, here[source].height, others.rows, there[source].height),
        let columns = factor(own.columns, here[source].width, others.columns, there[source].width)
      else { return nil }
      return Relation(target: .factors(rows: rows, columns: columns), inputs: [source])
    }
  }

  /// The nodes that read each node.
  private static func readers(_ graph: Graph) -> [[Int]] {
    var readers = Array(repeating: [Int](), count: graph.nodes.count)
    for (index, node) in graph.nodes.enumerated() {
      for input in Set(node.inputs) { readers[input].append(index) }
    }
    return readers
  }

  /// The common ratio of two pairs of sizes.
  private static func factor(_ a: Int, _ from: Int, _ b: Int, _ other: Int) -> Double? {
    guard a.multipliedReportingOverflow(by: other) == b.multipliedReportingOverflow(by: from) else {
      return nil
    }
    return Double(a) / Double(from)
  }

  /// The graph of a file for one size alone, in which a resized map becomes as large as the map that it is joined with.
  ///
  /// Maps of other sizes could not be joined, so that this holds for all sizes that the network takes. Other numbers may have
  /// been computed from the size, and confine the network to it.
  private static func settled(_ graph: Graph, at size: Size) throws -> Graph {
    guard graph.isBoundToSize else { return graph }
    let sizes = try graph.sizes(height: size.height, width: size.width)
    let readers = readers(graph)
    let result = replacing(graph) { index, node in
      guard target(node) != nil, readers[index].count == 1 else { return nil }
      let reader = graph.nodes[readers[index][0]]
      guard [.add, .multiply, .concatenate].contains(reader.operation) else { return nil }
      // Maps that are resized themselves may have other sizes, too.
      let model = reader.inputs.first { place in
        place < index && target(graph.nodes[place]) == nil && sizes[place].height == sizes[index].height
          && sizes[place].width == sizes[index].width
      }
      return model.map { Relation(target: .like, inputs: [node.inputs[0], $0]) }
    }
    return result.isBoundToSize ? bound(result, to: size) : result
  }

  /// The graph with other targets of resized maps.
  private static func replacing(
    _ graph: Graph, _ change: (Int, Graph.Node) -> Relation?
  ) -> Graph {
    let nodes = graph.nodes.enumerated().map { index, node in
      guard case .resample(var resampling) = node.operation, let relation = change(index, node) else {
        return node
      }
      resampling.target = relation.target
      return Graph.Node(
        name: node.name, operation: .resample(resampling), inputs: relation.inputs, channels: node.channels)
    }
    var result = Graph(nodes: nodes, output: graph.output)
    result.isPartial = graph.isPartial
    return result
  }

  // MARK: Comparison

  /// True if a graph that was built at a size has the layers of `graph`, and maps of the same sizes there.
  private static func agrees(_ built: Graph, with graph: Graph, at size: Size) -> Bool {
    guard built.nodes.count == graph.nodes.count, built.output == graph.output,
      zip(graph.nodes, built.nodes).allSatisfy({ isSame($0, $1) })
    else { return false }
    let sizes = try? built.sizes(height: size.height, width: size.width)
    return sizes != nil && sizes == (try? graph.sizes(height: size.height, width: size.width))
  }

  /// True for equal nodes, apart from the way in which the target of a resized map is given.
  private static func isSame(_ a: Graph.Node, _ b: Graph.Node) -> Bool {
    guard case .resample(let own) = a.operation, case .resample(let other) = b.operation else {
      return a == b
    }
    return a.name == b.name && a.channels == b.channels && a.inputs[0] == b.inputs[0]
      && own.filter == other.filter && own.coordinates == other.coordinates
  }
}
