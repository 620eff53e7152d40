import Checkpoint
import Platform

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
  /// Values before they were repeated, with the axes of the result, by the node that repeats them.
  var repetitions: [Int: (axes: [[MapView.Part]], source: MapView)] = [:]
  private var batch = 1
  private let height: Int
  private let width: Int
  /// Elements of constants that nodes have read and made so far.
  private var folded = 0
  private let mostFolded: Int
  /// True if the file says the image's size.
  let isFixed: Bool
  /// Multiply-adds of the nodes so far; what is no convolution counts more, being slower.
  private var work = 0.0
  /// Channels of all nodes so far: what a node keeps of its constants is no more than a few numbers for each.
  private var channelTotal = 0

  typealias Rule = @Sendable (inout ONNXImporter, ONNXNode) throws -> [ImportedValue]

  /// The supported operators.
  static let operators: [String: Rule] = convolutionRules.merging(arithmeticRules) { $1 }
    .merging(shapeRules) { $1 }.merging(poolingRules) { $1 }.merging(constantRules) { $1 }
    .merging(rangeRules) { $1 }.merging(tokenRules) { $1 }.merging(normRules) { $1 }
    .merging(reductionRules) { $1 }.merging(selectionRules) { $1 }.merging(resamplingRules) { $1 }
    .merging(blockRules) { $1 }

  /// Beginning of the names of tensors that are computed at import.
  static let constantPrefix = "ONNX constant "
  /// Elements of one image's map at the example size.
  static let largestMap = 1 << 27
  /// Multiply-adds of one image at the example size: the largest classifiers published need 2^39.
  private static let largestWork = 0x1p42
  private static let largestChannelTotal = 1 << 25
  private static let largestExtent = 1 << 16
  /// Elements of constants read and made, beyond some for every element of the file's tensors.
  private static let foldingLimit = 1 << 23
  private static let foldsPerElement = 32

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
    isFixed = model.image(of: part)?.shape.map { $0.count == 4 && $0[2] != nil && $0[3] != nil } ?? false
    // What is computed from weights is no larger than they are, and takes a few steps.
    mostFolded = Self.foldingLimit + Self.foldsPerElement * Self.elements(of: model, state)
  }

  /// Elements of the tensors that are there: a small file may claim any number of them in other files.
  private static func elements(of model: ONNXModel, _ state: StateDict) -> Int {
    let most = 1 << 28
    var (total, claims) = (0, [[String]: (place: ExternalData, count: Int)]())
    let constants = model.nodes.compactMap { $0.tensor("value") }
    // A checkpoint's tensors are as large as its file; the model's own are claims.
    let isFiled = !(state.source is ONNXCheckpoint)
    for tensor in Array(model.initializers.values) + constants {
      let count = min(tensor.spec.elementCount, most)
      switch tensor.data {
      case .external(let place)
      where !isFiled || state.spec(tensor.spec.name.string)?.shape != tensor.spec.shape:
        claims[place.components] = (place, min((claims[place.components]?.count ?? 0) + count, most))
      default: total = min(total + count, most)
      }
    }
    for (place, count) in claims.values {
      let file = try? place.openFile(in: model.folder, of: "", model: model.label)
      total = min(total + min(count, file?.length ?? 0), most)
    }
    return total
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
    guard node.domain.isEmpty, let rule = Self.operators[node.type] else {
      let type = node.domain.isEmpty ? node.type : node.domain + "::" + node.type
      throw ONNXImportError.unsupportedOperator(label: model.label, node: node.name, type: type)
    }
    if !Self.layers.contains(node.type) { try charge(node.inputs.compactMap { value(named: $0) }, node) }
    let results = try rule(&self, node)
    try charge(results, node)
    for (name, value) in zip(node.outputs, results) { values[TensorName(name)] = value }
  }

  /// Operators that name tensors without reading them.
  private static let layers: Set = ["Conv", "Gemm", "ConvTranspose", "Identity", "Reshape", "Shape"]

  /// Limits the time and memory that constants take.
  private mutating func charge(_ values: [ImportedValue], _ node: ONNXNode) throws {
    for value in values {
      let count: Int
      switch value {
      case .numbers(let numbers):
        count = numbers.count
        guard numbers.shape.count <= Numbers.mostAxes, count <= Numbers.largestCount else {
          throw refusal("a constant of \"\(TensorName(node.name))\" is too large to compute")
        }
      case .parameter(let parameter): count = parameter.tensor.spec.elementCount
      default: continue
      }
      folded += min(count, mostFolded)
      guard folded <= mostFolded else {
        throw refusal(
          "\"\(TensorName(node.name))\" computes with more constants than those of any \(part.noun)")
      }
    }
  }

  /// The value of that name; nil where no node has made it.
  func value(named name: String) -> ImportedValue? { values[TensorName(name)] }

  /// Keeps numbers computed at import as a tensor. Its name tells its values, so that graphs for images of different sizes
  /// are equal only if their numbers are.
  mutating func keep(_ numbers: Numbers) -> TensorName {
    let value = TensorValue(f32: numbers.reals.map { Float($0) }, shape: numbers.shape)
    // Fowler, Noll, Vo (FNV-1a).
    let digest = value.bytes.reduce(0xcbf2_9ce4_8422_2325 as UInt64) { ($0 ^ UInt64($1)) &* 0x100_0000_01b3 }
    var name = Self.constantPrefix + String(digest, radix: 16)
    while state.contains(name) || (ownTensors[TensorName(name)].map { $0.bytes != value.bytes } ?? false) {
      name += "'"
    }
    ownTensors[TensorName(name)] = value
    return TensorName(name)
  }

  /// Keeps a tensor of the file that the checkpoint lacks.
  mutating func keep(_ tensor: ONNXTensor, as name: TensorName) throws {
    if ownTensors[name] == nil { ownTensors[name] = try model.value(tensor) }
  }

  /// Small integers are shapes; everything else may come from the checkpoint, or is read where it is needed.
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
    guard channels > 0, let count = [size.height, size.width, channels].checkedProduct,
      count <= Self.largestMap
    else {
      throw refusal("the map of \"\(TensorName(name))\" is too large")
    }
    work += Self.work(of: node, on: size, inputs: inputs.map(\.size))
    channelTotal += channels
    guard work <= Self.largestWork, channelTotal <= Self.largestChannelTotal else {
      throw refusal("the work up to \"\(TensorName(name))\" is beyond that of any \(part.noun)")
    }
    nodes.append(node)
    sizes.append(size)
    let onePixel = isPixel ?? (!inputs.isEmpty && inputs.allSatisfy(\.isPixel) && size.pixels == 1)
    return MapView(node: nodes.count - 1, size: size, isPixel: onePixel, batch: batch)
  }

  private static func work(of node: Graph.Node, on size: MapSize, inputs: [MapSize]) -> Double {
    let count = Double(size.count)
    switch node.operation {
    case .convolution(let convolution): return count * Double(convolution.depth)
    case .linear(let linear): return Double(linear.inputs) * Double(linear.outputChannels)
    case .transposedConvolution(let convolution):
      return Double(inputs[0].count) * Double(convolution.reach)
    case .maxPool(let window), .averagePool(let window, _):
      return 256 * count * Double(window.kernel.height) * Double(window.kernel.width)
    case .product, .stridedAttention:
      return Double(Graph.multiplyAdds(ofStrided: node, size: size) ?? .max)
    case .crossAttention:
      return 2 * count * Double(inputs[1].pixels)
    case .reduceChannels: return 64 * Double(inputs[0].count)
    default: return 64 * count
    }
  }

  /// Appends an elementwise node and returns its result with the axes of `view`.
  mutating func append(_ name: String, _ operation: Operation, like view: MapView) throws -> MapView {
    var result = try append(name, operation, [view], channels: view.size.channels, isPixel: view.isPixel)
    result.axes = view.axes
    return result
  }

  /// The network's input.
  var imageView: MapView { MapView(node: 0, size: sizes[0], isPixel: false, batch: batch) }

  /// Index of the node of a BatchNorm appended now.
  var nextNode: Int { nodes.count }

  // MARK: Diagnostics

  func unsupported(_ node: ONNXNode, _ reason: String) -> ONNXImportError {
    // Lists of numbers from the file may have any length.
    let short = reason.utf8.count > 400 ? String(reason.prefix(400)) + "…" : reason
    return .unsupportedUse(label: model.label, node: node.name, type: node.type, reason: short)
  }

  func refusal(_ reason: String) -> ONNXImportError {
    switch part {
    case .classifier: .notClassifier(label: model.label, reason: reason)
    case .batchNorms: .notComputable(label: model.label, reason: reason)
    }
  }
}
