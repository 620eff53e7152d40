import Checkpoint

/// The names that an ONNX file's initializers have in a checkpoint, where they differ.
///
/// A network exported inside of another module has a prefix that its checkpoint lacks. Exporters that invent names, such
/// as `onnx::Conv_317`, leave shapes and order: layers are matched by them only where there is one way to do so.
struct InitializerNames {
  /// Names in the checkpoint by those of initializers; those that are equal are left out.
  private(set) var aliases: [TensorName: TensorName] = [:]
  /// What was matched otherwise than by name, on one line; nil where nothing was.
  private(set) var remark: String?

  /// All names are equal.
  init() {}

  init(of model: ONNXModel, in state: StateDict) {
    let layers = ModelLayer.all(of: model)
    let absent = layers.filter { !$0.isNamed(in: state) }
    guard !absent.isEmpty else { return }
    if let prefix = Self.prefix(of: layers, in: state) {
      // Of all tensors, not of these layers alone: others, such as the weights of sums, have it too.
      for name in Array(model.initializers.keys) + model.aliasNames {
        if let own = prefix.removed(from: name), state.contains(own.string) { aliases[name] = own }
      }
      remark =
        "tensors are taken by the names of \(model.label)'s initializers without \"\(prefix.text.escaped)\""
      return
    }
    let taken = Set(layers.filter { $0.isNamed(in: state) }.flatMap { $0.tensors.map(\.name) })
    let free = StateLayer.all(of: state).filter { $0.tensors.allSatisfy { !taken.contains($0.name) } }
    guard let pairs = Self.pairs(absent, free) else { return }
    for (layer, own) in pairs.layers {
      for (tensor, name) in zip(layer.tensors, own.tensors) { aliases[tensor.name] = name.name }
    }
    let first = pairs.layers[0]
    let way = pairs.byOrder == 0 ? "by shape" : "by shape, \(pairs.byOrder) of them also by order"
    remark =
      "\(pairs.layers.count) \(pairs.layers.count == 1 ? "layer" : "layers") of \(model.label) matched \(way), as no tensor "
      + "has the name; the first is \"\(first.0.tensors[0].name.escaped)\", taken for "
      + "\"\(first.1.tensors[0].name.escaped)\""
  }

  // MARK: By prefix

  private struct Prefix {
    let text: TensorName

    func removed(from name: TensorName) -> TensorName? {
      let (own, prefix) = (name.string.utf8, text.string.utf8)
      guard own.count > prefix.count, own.starts(with: prefix) else { return nil }
      return TensorName(String(decoding: own.dropFirst(prefix.count), as: UTF8.self))
    }
  }

  /// The shortest prefix of all layers without which the checkpoint has all of them.
  private static func prefix(of layers: [ModelLayer], in state: StateDict) -> Prefix? {
    guard let first = layers.first?.tensors.first?.name.string.utf8 else { return nil }
    let ends = first.indices.filter { first[$0] == UInt8(ascii: ".") }.prefix(4)
    return ends.lazy.map { Prefix(text: TensorName(String(decoding: first[...$0], as: UTF8.self))) }.first {
      prefix in
      layers.allSatisfy { layer in
        layer.tensors.allSatisfy { tensor in
          prefix.removed(from: tensor.name).map { state.shape($0.string) == tensor.shape } ?? false
        }
      }
    }
  }

  // MARK: By shape and order

  private typealias Pairs = (layers: [(ModelLayer, StateLayer)], byOrder: Int)

  /// Pairs of all layers on both sides: first those whose shapes no other layer of their side has, then the others, if
  /// they come in the same order on both sides. Nil where a layer would be left over.
  private static func pairs(_ wanted: [ModelLayer], _ free: [StateLayer]) -> Pairs? {
    guard wanted.count == free.count else { return nil }
    let (own, others) = (counts(wanted.map(\.shapes)), counts(free.map(\.shapes)))
    guard own == others else { return nil }
    var layers: [(ModelLayer, StateLayer)] = []
    for layer in wanted where own[layer.shapes] == 1 {
      guard let match = free.first(where: { $0.shapes == layer.shapes }) else { return nil }
      layers.append((layer, match))
    }
    let rest = wanted.filter { own[$0.shapes] != 1 }
    let restFree = free.filter { own[$0.shapes] != 1 }
    // The whole sequence must agree: layers that were registered in another order than they run would show somewhere.
    guard wanted.map(\.shapes) == free.map(\.shapes) || rest.isEmpty else { return nil }
    layers += zip(rest, restFree)
    return (layers, rest.count)
  }

  private static func counts(_ shapes: [LayerShapes]) -> [LayerShapes: Int] {
    Dictionary(shapes.map { ($0, 1) }, uniquingKeysWith: +)
  }
}

extension ONNXModel {
  /// Names that `Identity` nodes give.
  fileprivate var aliasNames: [TensorName] {
    nodes.filter { $0.type == "Identity" && $0.domain.isEmpty }.flatMap { $0.outputs.map { TensorName($0) } }
  }
}

/// The kind of a layer and the shapes of its tensors, in the order weight, bias, mean, variance.
private struct LayerShapes: Hashable {
  let isNorm: Bool
  let shapes: [[Int]]
}

/// A tensor of a layer.
private struct LayerTensor {
  let name: TensorName
  let shape: [Int]
}

/// A convolution or BatchNorm of an ONNX file.
private struct ModelLayer {
  let isNorm: Bool
  let tensors: [LayerTensor]

  var shapes: LayerShapes { LayerShapes(isNorm: isNorm, shapes: tensors.map(\.shape)) }

  func isNamed(in state: StateDict) -> Bool { tensors.allSatisfy { state.contains($0.name.string) } }

  /// The layers with weights among the initializers, in the order of the nodes, each once.
  static func all(of model: ONNXModel) -> [ModelLayer] {
    var origins: [TensorName: TensorName] = [:]
    for node in model.nodes where node.type == "Identity" && node.domain.isEmpty {
      guard let input = node.inputs.first, let output = node.outputs.first else { continue }
      origins[TensorName(output)] = origins[TensorName(input)] ?? TensorName(input)
    }
    var seen: Set<TensorName> = []
    return model.nodes.compactMap { node in
      let isNorm = node.type == "BatchNormalization"
      guard node.domain.isEmpty, isNorm || node.type == "Conv" || node.type == "ConvTranspose" else {
        return nil
      }
      let tensors = node.inputs.dropFirst().compactMap { input -> LayerTensor? in
        let name = TensorName(input)
        guard let tensor = model.initializers[name] ?? origins[name].flatMap({ model.initializers[$0] })
        else {
          return nil
        }
        return LayerTensor(name: name, shape: tensor.spec.shape)
      }
      guard let first = tensors.first, seen.insert(first.name).inserted else { return nil }
      return ModelLayer(isNorm: isNorm, tensors: tensors)
    }
  }
}

/// A module of a checkpoint that is a convolution or a BatchNorm by its tensors.
private struct StateLayer {
  let isNorm: Bool
  let tensors: [LayerTensor]

  var shapes: LayerShapes { LayerShapes(isNorm: isNorm, shapes: tensors.map(\.shape)) }

  /// The modules in the order of the file.
  static func all(of state: StateDict) -> [StateLayer] {
    var modules: [String] = []
    var seen: Set<TensorName> = []
    for tensor in state.source.tensors {
      let name = tensor.name.string
      guard let dot = name.utf8.lastIndex(of: UInt8(ascii: ".")) else { continue }
      let module = String(decoding: name.utf8[..<dot], as: UTF8.self)
      if seen.insert(TensorName(module)).inserted { modules.append(module) }
    }
    return modules.compactMap { module in
      func tensor(_ suffix: String) -> LayerTensor? {
        state.spec(module + suffix).map { LayerTensor(name: $0.name, shape: $0.shape) }
      }
      if let mean = tensor(".running_mean"), let variance = tensor(".running_var") {
        return StateLayer(
          isNorm: true, tensors: [tensor(".weight"), tensor(".bias"), mean, variance].compactMap(\.self))
      }
      guard let weight = tensor(".weight"), weight.shape.count == 4 else { return nil }
      return StateLayer(isNorm: false, tensors: [weight, tensor(".bias")].compactMap(\.self))
    }
  }
}
