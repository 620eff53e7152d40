import Checkpoint
import Platform
import SwiftProtobuf

extension ONNXModel {
  /// Size limit of protocol buffers, 2 GiB; larger models store their weights in other files.
  private static let largestFile = 1 << 31 - 1
  /// Bytes of all initializers together.
  private static let largestTotal = 1 << 56

  /// Reads and checks a model; weights in other files are read when they are needed.
  ///
  /// - Parameter path: The file.
  /// - Throws: `ONNXError`; `CheckpointError` when the file cannot be read.
  public init(path: String) throws {
    let file = try InputFile.open(.path(path), temporaryFolder: "/tmp")
    guard file.length <= Self.largestFile else {
      throw ONNXError.notONNX(path: path, reason: "\(file.length) bytes exceed 2 GiB")
    }
    let folder =
      path.utf8.lastIndex(of: UInt8(ascii: "/")).map { String(decoding: path.utf8[...$0], as: UTF8.self) }
      ?? "."
    try self.init(try file.bytes(at: 0, count: file.length), label: path, folder: folder)
  }

  /// - Parameters:
  ///   - bytes: The bytes of the model.
  ///   - label: The name in diagnostics.
  ///   - folder: Folder of its external data.
  /// - Throws: `ONNXError`.
  public init(_ bytes: [UInt8], label: String, folder: String) throws {
    var options = BinaryDecodingOptions()
    options.discardUnknownFields = true
    // Messages of a classifier nest less than ten deep.
    options.messageDepthLimit = 32
    let model: OnnxSubset_Model
    do {
      model = try OnnxSubset_Model(serializedBytes: bytes, options: options)
    } catch {
      throw ONNXError.notONNX(path: label, reason: "damaged or of another format")
    }
    guard model.hasGraph, model.irVersion > 0 else {
      throw ONNXError.notONNX(path: label, reason: "no graph in it")
    }
    try self.init(model, label: label, folder: folder)
  }

  private init(_ model: OnnxSubset_Model, label: String, folder: String) throws {
    func fail(_ reason: String) -> ONNXError { .malformed(path: label, reason: reason) }
    let versions = model.opsetImport.filter { ["", "ai.onnx"].contains($0.domain) }
    guard let version = versions.first?.version, versions.count == 1 else {
      throw fail("does not say which version of the standard operators it uses")
    }
    guard (0...1 << 20).contains(version), Self.opsets.contains(Int(version)) else {
      throw ONNXError.opset(path: label, found: Int(clamping: version))
    }
    var initializers: [TensorName: ONNXTensor] = [:]
    for tensor in model.graph.initializer {
      let value = try ONNXTensor(tensor, model: label)
      guard !tensor.name.isEmpty, initializers.updateValue(value, forKey: value.spec.name) == nil else {
        throw fail("initializer \"\(value.spec.name)\" appears twice or has no name")
      }
    }
    // Data in other files need not exist to be claimed; whoever adds the sizes up must not overflow.
    let sizes = initializers.values.map(\.spec.byteCount)
    guard let total = sizes.checkedSum, total <= Self.largestTotal else {
      throw fail("its initializers claim more bytes than there can be")
    }
    inputs = try model.graph.input.filter { initializers[TensorName($0.name)] == nil }.map {
      Input(name: $0.name, shape: try Self.shape($0, fail: fail))
    }
    outputs = model.graph.output.map(\.name)
    nodes = try model.graph.node.map { try ONNXNode($0, model: label) }
    self.initializers = initializers
    self.label = label
    self.folder = folder
    opset = Int(version)
    try checkOrder()
  }

  private static func shape(_ value: OnnxSubset_ValueInfo, fail: (String) -> ONNXError) throws -> [Int?]? {
    guard value.hasType, value.type.hasTensorType, value.type.tensorType.hasShape else { return nil }
    return try value.type.tensorType.shape.dim.map { dimension in
      guard (0...1 << 30).contains(dimension.dimValue) else {
        throw fail("input \"\(TensorName(value.name))\" has the impossible extent \(dimension.dimValue)")
      }
      return dimension.dimValue == 0 ? nil : Int(dimension.dimValue)
    }
  }

  /// Every value is produced once, before it is read; so there are no cycles.
  private func checkOrder() throws {
    var known = Set(initializers.keys)
    for input in inputs where !known.insert(TensorName(input.name)).inserted {
      throw ONNXError.malformed(path: label, reason: "input \"\(TensorName(input.name))\" appears twice")
    }
    for node in nodes {
      for input in node.inputs where !input.isEmpty && !known.contains(TensorName(input)) {
        throw ONNXError.malformed(
          path: label,
          reason:
            "node \"\(TensorName(node.name))\" (\(TensorName(node.type))) reads \"\(TensorName(input))\", "
            + "which is made by no node before it")
      }
      for output in node.outputs where !output.isEmpty && !known.insert(TensorName(output)).inserted {
        throw ONNXError.malformed(
          path: label, reason: "\"\(TensorName(output))\" is made by more than one node")
      }
    }
    for output in outputs where !known.contains(TensorName(output)) {
      throw ONNXError.malformed(path: label, reason: "no node makes the output \"\(TensorName(output))\"")
    }
  }
}

extension ONNXNode {
  /// - Throws: `ONNXError`.
  init(_ node: OnnxSubset_Node, model: String) throws {
    name = node.name.isEmpty ? node.output.first ?? "" : node.name
    type = node.opType
    domain = node.domain == "ai.onnx" ? "" : node.domain
    inputs = node.input
    outputs = node.output
    var attributes: [String: ONNXAttribute] = [:]
    for attribute in node.attribute {
      guard let value = try ONNXAttribute(attribute, model: model) else { continue }
      guard attributes.updateValue(value, forKey: attribute.name) == nil else {
        throw ONNXError.malformed(
          path: model,
          reason: "node \"\(TensorName(name))\" has the attribute \"\(TensorName(attribute.name))\" twice")
      }
    }
    self.attributes = attributes
  }
}

extension ONNXAttribute {
  /// Nil for kinds that no operator of a classifier has.
  init?(_ attribute: OnnxSubset_Attribute, model: String) throws {
    switch attribute.type {
    case 1: self = .float(attribute.f)
    case 2: self = .int(Int(attribute.i))
    case 3: self = .text(String(decoding: attribute.s, as: UTF8.self))
    case 4: self = .tensor(try ONNXTensor(attribute.t, model: model))
    case 6: self = .floats(attribute.floats)
    case 7: self = .ints(attribute.ints.map(Int.init))
    default: return nil
    }
  }
}
