import Checkpoint

/// Builds a graph layer by layer; channels and biases come from the state dict's shapes.
///
/// The builder records the tensors that layers read, so that a family cannot omit one by mistake: `leftovers`
/// are the tensors that a network of this graph would ignore.
struct GraphBuilder {
  /// A node's result while the graph is being built.
  struct Value {
    let index: Int
    let channels: Int
  }

  let state: StateDict
  /// Architecture named in the diagnostics of missing keys.
  let architecture: String
  /// Eps and momentum of the family's BatchNorms.
  var eps = 1e-5
  var momentum = 0.1
  /// The norms after convolutions.
  var norms = ConvolutionNorms.batch
  /// Padding of convolutions without an explicit one; nil keeps the size at a stride of 1.
  var defaultPadding: Padding?
  /// Height and width of patches that an input must divide into.
  var patchSize = 1
  /// The only height and width of an input that layers have weights for; nil takes others too.
  var onlySize: Int?
  private var nodes: [Graph.Node] = []
  /// The tensors that the graph reads, by name.
  private(set) var consumed: [TensorName: TensorSpec] = [:]

  init(_ state: StateDict, architecture: String) {
    self.state = state
    self.architecture = architecture
  }

  func graph(output: Value) -> Graph {
    Graph(nodes: nodes, output: output.index, patchSize: patchSize, onlySize: onlySize)
  }

  /// Floating-point tensors of the state dict that no layer reads, in its order.
  ///
  /// - Parameter isIgnorable: True for tensors that the family omits on purpose, such as those of an
  ///   auxiliary head.
  func leftovers(_ isIgnorable: (TensorName) -> Bool) -> [TensorName] {
    state.source.tensors.filter {
      !$0.dtype.isInteger && consumed[$0.name] == nil && !isIgnorable($0.name)
    }.map(\.name)
  }

  mutating func append(_ name: String, _ operation: Operation, _ inputs: [Value], channels: Int)
    -> Value
  {
    nodes.append(
      Graph.Node(name: name, operation: operation, inputs: inputs.map(\.index), channels: channels))
    return Value(index: nodes.count - 1, channels: channels)
  }

  /// The tensor `key`, checked against a pattern in which nil fits any extent above zero.
  mutating func require(_ key: String, shape expected: [Int?]) throws -> TensorSpec {
    guard let spec = state.spec(key) else {
      throw NetworkError.missingTensor(
        label: state.label, tensor: TensorName(key), architecture: architecture)
    }
    guard spec.dtype.isFloatingPoint else {
      throw NetworkError.notFloatingPoint(label: state.label, tensor: spec)
    }
    guard
      spec.shape.count == expected.count,
      zip(spec.shape, expected).allSatisfy({ $1 == nil ? $0 > 0 : $0 == $1 })
    else { throw NetworkError.wrongShape(label: state.label, tensor: spec, expected: expected) }
    consumed[spec.name] = spec
    return spec
  }

  /// Leaves out a tensor that holds nothing but numbers computed from the sizes of others, such as a mask.
  mutating func ignore(_ key: String) {
    if let spec = state.spec(key) { consumed[spec.name] = spec }
  }

  private mutating func bias(_ name: String, channels: Int) throws -> TensorName? {
    guard state.contains(name + ".bias") else { return nil }
    return try require(name + ".bias", shape: [channels]).name
  }

  // MARK: Layers with parameters

  /// The network's input.
  mutating func input(channels: Int = 3) -> Value { append("input", .input, [], channels: channels) }

  /// Groups of a convolution.
  enum Groups {
    /// One group: all inputs reach all outputs.
    case one
    /// One group per channel.
    case depthwise
    /// Number of groups from the weight's shape.
    case fromShape
  }

  /// The convolution `name`.
  /// - Parameters:
  ///   - kernel: Rows and columns of the kernel; nil takes the weight's.
  ///   - padding: Padding; nil pads such that a stride of 1 keeps the size (odd kernels).
  mutating func convolution(
    _ x: Value, _ name: String, kernel: Int? = nil, stride: Int = 1, padding: Padding? = nil,
    dilation: Int = 1, groups: Groups = .one, standardization: WeightStandardization? = nil
  ) throws -> Value {
    let key = name + ".weight"
    let wanted: Int? =
      switch groups {
      case .one: x.channels
      case .depthwise: 1
      case .fromShape: nil
      }
    let spec = try require(key, shape: [nil, wanted, kernel, kernel])
    let (outputs, depth, height, width) = (spec.shape[0], spec.shape[1], spec.shape[2], spec.shape[3])
    guard x.channels % depth == 0, outputs % (x.channels / depth) == 0 else {
      throw NetworkError.wrongShape(
        label: state.label, tensor: spec, expected: [outputs, x.channels, height, width])
    }
    let half = Padding.explicit(
      top: (height - 1) / 2 * dilation, left: (width - 1) / 2 * dilation, bottom: (height - 1) / 2 * dilation,
      right: (width - 1) / 2 * dilation)
    let convolution = Convolution(
      weight: spec.name, bias: try bias(name, channels: outputs),
      window: Window(
        kernel: (height, width), stride: (stride, stride),
        padding: padding ?? (height == 1 && width == 1 ? half : defaultPadding ?? half),
        dilation: (dilation, dilation)),
      groups: x.channels / depth, inputChannels: x.channels, outputChannels: outputs,
      standardization: standardization)
    return append(name, .convolution(convolution), [x], channels: outputs)
  }

  /// The BatchNorm `name`.
  mutating func batchNorm(_ x: Value, _ name: String) throws
    -> Value
  {
    for suffix in [".running_mean", ".running_var"] { _ = try require(name + suffix, shape: [x.channels]) }
    for suffix in [".weight", ".bias"] where state.contains(name + suffix) {
      _ = try require(name + suffix, shape: [x.channels])
    }
    let layer = BatchNormLayer(
      name: name, channels: x.channels, eps: eps, momentum: momentum, nodeIndex: nodes.count)
    return append(name, .batchNorm(layer), [x], channels: x.channels)
  }

  /// The fully connected layer `name` on a flattened map of the given size, stored as a matrix, or as a 1x1 convolution
  /// for a map of one pixel.
  mutating func linear(_ x: Value, _ name: String, height: Int = 1, width: Int = 1) throws -> Value {
    let tail = height * width == 1 && state.isConvolution(name + ".weight") ? [1, 1] : []
    let spec = try require(name + ".weight", shape: [nil, height * width * x.channels] + tail)
    let linear = Linear(
      weight: spec.name, bias: try bias(name, channels: spec.shape[0]), height: height, width: width,
      inputChannels: x.channels, outputChannels: spec.shape[0])
    return append(name, .linear(linear), [x], channels: spec.shape[0])
  }

  /// The convolution and BatchNorm `name.<conv>` and `name.<norm>` followed by an activation.
  mutating func convolutionNorm(
    _ x: Value, _ convolutionName: String, _ normName: String, kernel: Int? = nil, stride: Int = 1,
    padding: Padding? = nil, dilation: Int = 1, groups: Groups = .one, _ activation: Activation
  ) throws -> Value {
    let y = try convolution(
      x, convolutionName, kernel: kernel, stride: stride, padding: padding, dilation: dilation,
      groups: groups)
    return try normalized(y, normName, activation)
  }

  /// The BatchNorm `name`, or the norm in its place, and an activation.
  mutating func normalized(_ x: Value, _ name: String, _ activation: Activation) throws -> Value {
    switch norms {
    case .batch: self.activation(try batchNorm(x, name), activation)
    case .groups(let groups): self.activation(try groupNorm(x, name, groups: groups, eps: eps), activation)
    case .evolved(let norm): try evolved(x, name, norm, activates: activation != .identity)
    }
  }

  /// Squeeze and excitation (Hu et al. 2018): every channel times a gate that two layers compute from all
  /// means.
  mutating func squeezeExcite(
    _ x: Value, _ reduce: String, _ expand: String, _ activation: Activation, gate: Activation
  ) throws -> Value {
    var factor = try convolution(globalAverage(x), reduce)
    factor = try convolution(self.activation(factor, activation), expand)
    guard factor.channels == x.channels else {
      throw NetworkError.wrongShape(
        label: state.label, tensor: try require(expand + ".weight", shape: [nil, nil, nil, nil]),
        expected: [x.channels, nil, 1, 1])
    }
    return self.gate(x, by: self.activation(factor, gate))
  }

  /// The classifier's fully connected layer. Training scripts often put a dropout before it, so that `name`
  /// is a `Sequential(Dropout, Linear)`: then it is the only layer below the name.
  mutating func head(_ x: Value, _ name: String) throws -> Value {
    try linear(x, state.headName(name) ?? name)
  }

  // MARK: Layers without

  mutating func activation(_ x: Value, _ activation: Activation) -> Value {
    if activation == .identity { return x }
    return append(activation.rawValue, .activation(activation), [x], channels: x.channels)
  }

  /// The sum of two maps; errors about unequal channels name the layer `name`.
  mutating func add(_ a: Value, _ b: Value, _ name: String) throws -> Value {
    guard a.channels == b.channels else {
      throw NetworkError.wrongShape(
        label: state.label, tensor: try require(name + ".weight", shape: [nil, nil, nil, nil]),
        expected: [b.channels, nil, nil, nil])
    }
    return append("add", .add, [a, b], channels: a.channels)
  }

  mutating func gate(_ x: Value, by factor: Value) -> Value {
    append("gate", .gate, [x, factor], channels: x.channels)
  }

  mutating func concatenate(_ values: [Value]) -> Value {
    append("concatenate", .concatenate, values, channels: values.reduce(0) { $0 + $1.channels })
  }

  mutating func slice(_ x: Value, _ range: Range<Int>) -> Value {
    append("slice", .slice(range), [x], channels: range.count)
  }

  mutating func shuffle(_ x: Value, groups: Int) -> Value {
    append("shuffle", .shuffle(groups: groups), [x], channels: x.channels)
  }

  /// The map at the size of another, every pixel the nearest of the map (PyTorch's `interpolate`).
  mutating func stretched(_ x: Value, like other: Value) -> Value {
    append("stretch", .resample(.nearestLike), [x, other], channels: x.channels)
  }

  mutating func maxPool(_ x: Value, _ window: Window) -> Value {
    append("maxpool", .maxPool(window), [x], channels: x.channels)
  }

  mutating func averagePool(_ x: Value, _ window: Window, countIncludePad: Bool = true) -> Value {
    append("avgpool", .averagePool(window, countIncludePad: countIncludePad), [x], channels: x.channels)
  }

  /// The map blurred by the weights 1, 2, 1 along both axes, at every `stride`th pixel (Zhang: "Making Convolutional
  /// Networks Shift-Invariant Again", 2019).
  ///
  /// - Parameter mirrors: True if the map is mirrored at its edges, false if zeros surround it.
  mutating func blurPool(_ x: Value, stride: Int = 2, mirrors: Bool = true) -> Value {
    let margins = Margins(top: 1, left: 1, bottom: 1, right: 1, filling: mirrors ? .reflect : .constant(0))
    let padded = append("blur", .pad(margins), [x], channels: x.channels)
    // Two means of two neighbors have these weights.
    let means = averagePool(padded, Window(2))
    return averagePool(means, Window(2, stride: stride))
  }

  mutating func globalAverage(_ x: Value) -> Value {
    append("avgpool", .globalAverage, [x], channels: x.channels)
  }

  mutating func adaptiveAverage(_ x: Value, height: Int, width: Int) -> Value {
    append("avgpool", .adaptiveAverage(height: height, width: width), [x], channels: x.channels)
  }
}
