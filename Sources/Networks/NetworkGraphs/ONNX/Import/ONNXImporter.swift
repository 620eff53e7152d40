import Checkpoint

/// Converts an ONNX file into a graph.
///
/// The file is interpreted with an image of an example size: results that depend on shapes become numbers,
/// results that depend on the image become nodes. Tensors are taken from the checkpoint by the initializers'
/// names.
struct ONNXImporter {
  let model: ONNXModel
  let state: StateDict
  /// The nodes of the file that are imported.
  let part: ImportedPart
  /// Names in the checkpoint of initializers that have another there.
  let aliases: [TensorName: TensorName]
  private(set) var nodes: [Graph.Node] = []
  private(set) var sizes: [MapSize] = []
  private var values: [TensorName: ImportedValue] = [:]
  /// Tensors of the file that the checkpoint lacks.
  private(set) var ownTensors: [TensorName: TensorValue] = [:]
  private var batch = 1
  private let height: Int
  private let width: Int
  /// Elements of constants folded so far.
  private var folded = 0
  /// Multiply-adds of the nodes so far; what is no convolution counts more, being slower.
  private var work = 0.0
  /// Channels of all nodes so far: what a node keeps of its constants is no more than a few numbers for each.
  private var channelTotal = 0

  typealias Rule = @Sendable (inout ONNXImporter, ONNXNode) throws -> [ImportedValue]

  /// The supported operators.
  static let operators: [String: Rule] = convolutionRules.merging(arithmeticRules) { $1 }
    .merging(shapeRules) { $1 }.merging(poolingRules) { $1 }.merging(constantRules) { $1 }
    .merging(rangeRules) { $1 }.merging(spatialRules) { $1 }

  /// Elements of one image's map at the example size.
  private static let largestMap = 1 << 27
  /// Multiply-adds of one image at the example size: the largest classifiers published need 2^39.
  private static let largestWork = 0x1p42
  private static let largestChannelTotal = 1 << 25
  private static let largestExtent = 1 << 16
  private static let foldingLimit = 1 << 22

  init(
    _ model: ONNXModel, _ state: StateDict, part: ImportedPart = .classifier,
    aliases: [TensorName: TensorName] = [:], height: Int, width: Int
  ) {
    self.model = model
    self.state = state
    self.part = part
    self.aliases = aliases
    self.height = height
    self.width = width
  }

  /// The graph of the file's part.
  mutating func graph() throws -> Graph {
    switch part {
    case .classifier: try classifier()
    case .batchNorms: try batchNorms()
    }
  }

  /// The graph without nodes that do not contribute to the first output.
  private mutating func classifier() throws -> Graph {
    guard model.inputs.count == 1, let input = model.inputs.first, Self.isImage(input) else {
      throw refusal("expected one input [images, channels, rows, columns] with a known number of channels")
    }
    guard let output = model.outputs.first else { throw refusal("it has no output") }
    try begin(with: input)
    for node in model.nodes(before: [output]) { try run(node) }
    let last: MapView
    switch values[TensorName(output)] {
    case .map(let view), .probabilities(let view): last = view
    default: throw refusal("its output does not depend on the image")
    }
    guard last.isPixel, last.isFlat else {
      throw refusal("its output \"\(TensorName(output))\" is no row of numbers for each image")
    }
    makeLinear(last.node)
    return Graph(nodes: nodes, output: last.node).pruned()
  }

  /// The graph of all BatchNorms and what they are computed from.
  private mutating func batchNorms() throws -> Graph {
    let needed = model.nodes(before: model.batchNormResults)
    let inputs = model.inputs(of: needed)
    guard inputs.count <= 1 else {
      throw ONNXImportError.severalInputs(label: model.label, names: inputs.map { TensorName($0.name) })
    }
    guard let input = inputs.first ?? model.inputs.first(where: Self.isImage), Self.isImage(input) else {
      throw refusal(
        "its BatchNorms are expected to be computed from one input [images, channels, rows, columns] with a known "
          + "number of channels")
    }
    try begin(with: input)
    for node in needed { try run(node) }
    let norms = nodes.indices.filter { if case .batchNorm = nodes[$0].operation { true } else { false } }
    var graph = Graph(nodes: nodes, output: norms.last ?? 0).pruned(keeping: norms)
    graph.isPartial = true
    return graph
  }

  /// True for [images, channels, rows, columns] with a known number of channels.
  static func isImage(_ input: ONNXModel.Input) -> Bool {
    guard let shape = input.shape, shape.count == 4, let channels = shape[1] else { return false }
    return (1...largestExtent).contains(channels)
  }

  private mutating func begin(with input: ONNXModel.Input) throws {
    batch = input.shape?[0] ?? 1
    values[TensorName(input.name)] = .map(
      try append("input", .input, [], channels: input.shape?[1] ?? 1))
    for (name, tensor) in model.initializers { values[name] = try value(of: tensor) }
  }

  /// A classifier exported as a convolution on one pixel becomes a fully connected layer; the weights have
  /// the same layout.
  private mutating func makeLinear(_ index: Int) {
    let node = nodes[index]
    guard case .convolution(let convolution) = node.operation, convolution.groups == 1,
      convolution.window.isPointwise, sizes[node.inputs[0]].pixels == 1
    else { return }
    let linear = Linear(
      weight: convolution.weight, bias: convolution.bias, height: 1, width: 1,
      inputChannels: convolution.inputChannels, outputChannels: convolution.outputChannels)
    nodes[index] = Graph.Node(
      name: node.name, operation: .linear(linear), inputs: node.inputs, channels: node.channels)
  }

  private mutating func run(_ node: ONNXNode) throws {
    if node.domain.isEmpty, let folded = try weightArithmetic(node) { return try keep(folded, of: node) }
    guard node.domain.isEmpty, let rule = Self.operators[node.type] else {
      let type = node.domain.isEmpty ? node.type : node.domain + "::" + node.type
      throw ONNXImportError.unsupportedOperator(label: model.label, node: node.name, type: type)
    }
    try keep(try rule(&self, node), of: node)
  }

  private mutating func keep(_ results: [ImportedValue], of node: ONNXNode) throws {
    for (name, value) in zip(node.outputs, results) {
      if case .numbers(let numbers) = value {
        folded += numbers.count
        guard numbers.count <= Numbers.largestCount, folded <= Self.foldingLimit else {
          throw unsupported(node, "a constant of \(numbers.count) numbers is too large to compute")
        }
      }
      values[TensorName(name)] = value
    }
  }

  /// The value of that name; nil where no node has made it.
  func value(named name: String) -> ImportedValue? { values[TensorName(name)] }

  /// Keeps a tensor of the file that the checkpoint lacks.
  mutating func keep(_ tensor: ONNXTensor, as name: TensorName) throws {
    if ownTensors[name] == nil { ownTensors[name] = try model.value(tensor) }
  }

  /// Small integers are shapes; everything else may come from the checkpoint.
  private func value(of tensor: ONNXTensor) throws -> ImportedValue {
    if !tensor.spec.dtype.isFloatingPoint && tensor.spec.elementCount <= 4096 {
      return .numbers(try numbers(tensor))
    }
    return .parameter(
      ImportedValue.Parameter(tensor: tensor, names: names(of: tensor.spec.name), shape: tensor.spec.shape))
  }

  /// The names by which a value may be in the checkpoint, the likeliest first.
  func names(of name: TensorName) -> [TensorName] { (aliases[name].map { [$0] } ?? []) + [name] }

  /// A constant of the file as numbers.
  func numbers(_ tensor: ONNXTensor) throws -> Numbers {
    guard tensor.spec.elementCount <= Numbers.largestCount else {
      throw ONNXError.tensor(path: model.label, name: tensor.spec.name, reason: "is too large for a constant")
    }
    let value = try model.value(tensor)
    let shape = tensor.spec.shape
    if tensor.spec.dtype == .i64 {
      return Numbers(ints: value.bytes.withUnsafeBytes { Array($0.bindMemory(to: Int.self)) }, shape: shape)
    }
    let reals = try value.doubles()
    if tensor.spec.dtype.isFloatingPoint { return Numbers(reals: reals, shape: shape) }
    return Numbers(ints: reals.map { Int(exactly: $0) ?? .max }, shape: shape)
  }

  // MARK: Nodes

  /// Appends a node and returns its result as [images, channels, rows, columns].
  mutating func append(
    _ name: String, _ operation: Operation, _ inputs: [MapView], channels: Int, isPixel: Bool? = nil
  ) throws -> MapView {
    let node = Graph.Node(
      name: name, operation: operation, inputs: inputs.map(\.node), channels: channels)
    guard let size = Graph.size(of: node, inputs: inputs.map(\.size), height: height, width: width) else {
      throw refusal("nothing is left of an image of \(height)x\(width) pixels at \"\(TensorName(name))\"")
    }
    guard max(size.height, size.width) <= Self.largestExtent, channels <= 1 << 24,
      size.count <= Self.largestMap
    else {
      throw refusal("the map of \"\(TensorName(name))\" is too large")
    }
    work += Self.work(of: operation, on: size)
    channelTotal += channels
    guard work <= Self.largestWork, channelTotal <= Self.largestChannelTotal else {
      throw refusal("the work up to \"\(TensorName(name))\" is beyond that of any \(part.noun)")
    }
    nodes.append(node)
    sizes.append(size)
    let onePixel = isPixel ?? (!inputs.isEmpty && inputs.allSatisfy(\.isPixel) && size.pixels == 1)
    return MapView(node: nodes.count - 1, size: size, isPixel: onePixel, batch: batch)
  }

  private static func work(of operation: Operation, on size: MapSize) -> Double {
    let count = Double(size.count)
    switch operation {
    case .convolution(let convolution): return count * Double(convolution.depth)
    case .linear(let linear): return Double(linear.inputs) * Double(linear.outputChannels)
    case .transposedConvolution(let convolution):
      return count * Double(convolution.inputChannels / convolution.groups) * Double(convolution.window.taps)
    case .maxPool(let window), .averagePool(let window, _):
      return 256 * count * Double(window.kernel.height) * Double(window.kernel.width)
    default: return 64 * count
    }
  }

  /// Appends an elementwise node and returns its result with the axes of `view`.
  mutating func append(_ name: String, _ operation: Operation, like view: MapView) throws -> MapView {
    var result = try append(name, operation, [view], channels: view.size.channels, isPixel: view.isPixel)
    result.axes = view.axes
    return result
  }

  /// Index of the node of a BatchNorm appended now.
  var nextNode: Int { nodes.count }

  // MARK: Diagnostics

  func unsupported(_ node: ONNXNode, _ reason: String) -> ONNXImportError {
    .unsupportedUse(label: model.label, node: node.name, type: node.type, reason: reason)
  }

  private func refusal(_ reason: String) -> ONNXImportError {
    switch part {
    case .classifier: .notClassifier(label: model.label, reason: reason)
    case .batchNorms: .notComputable(label: model.label, reason: reason)
    }
  }
}
