import Checkpoint
import Platform
import SwiftProtobuf

/// A parsed ONNX file: operators in the order of execution and initializers by name, checked for consistency.
///
/// ```swift
/// let model = try ONNXModel(path: "resnet18.onnx")
/// let description = try NetworkDescription(ONNXCheckpoint(model), onnx: model)
/// print(model.opset, model.nodes.count, description.classCount)
/// ```
public struct ONNXModel: Sendable {
  /// The file's name in diagnostics.
  public let label: String
  /// Version of the standard operators.
  public let opset: Int
  /// The program that wrote the file, such as `pytorch`; empty where it does not say.
  let producer: String
  /// The graph's inputs that are not initializers.
  public let inputs: [Input]
  /// Names of the graph's results.
  public let outputs: [String]
  /// The operators, each after those that it reads.
  public let nodes: [ONNXNode]
  /// The constant tensors of the file.
  public let initializers: [TensorName: ONNXTensor]

  /// An input of the graph.
  public struct Input: Sendable {
    /// The value's name.
    public let name: String
    /// Its extents, nil where open; nil where the rank is not given.
    public let shape: [Int?]?
  }

  /// The supported versions of the standard operators.
  public static let opsets = 9...22
  /// A version that both of PyTorch's exporters can write.
  public static let advisedOpset = 18

  let folder: String

  /// The initializer as a value in memory; data in other files are read.
  /// - Throws: `ONNXError`.
  public func value(_ tensor: ONNXTensor) throws -> TensorValue {
    TensorValue(
      dtype: tensor.spec.dtype, shape: tensor.spec.shape,
      bytes: try bytes(of: tensor, at: 0, count: tensor.spec.byteCount))
  }

  /// A part of the data of `tensor`.
  /// - Throws: `ONNXError`.
  func bytes(of tensor: ONNXTensor, at offset: Int, count: Int) throws -> [UInt8] {
    switch tensor.data {
    case .bytes(let bytes): return Array(bytes[offset..<offset + count])
    case .external(let place):
      return try place.read(in: folder, of: tensor.spec.name, model: label, at: offset, count: count)
    }
  }
}

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
    producer = model.producerName
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

/// One operator of an ONNX graph.
public struct ONNXNode: Sendable {
  /// Its name, or that of its first result where it has none.
  public let name: String
  /// The operator, for example `Conv`.
  public let type: String
  /// Domain of the operator; empty for the standard operators.
  public let domain: String
  /// Names of the operands; empty for omitted optional ones.
  public let inputs: [String]
  /// Names of the results.
  public let outputs: [String]
  let attributes: [String: ONNXAttribute]

  /// True if the attribute is present.
  public func has(_ name: String) -> Bool { attributes[name] != nil }

  /// An integer attribute.
  public func int(_ name: String) -> Int? {
    if case .int(let value) = attributes[name] { value } else { nil }
  }

  /// A list of integers.
  public func ints(_ name: String) -> [Int]? {
    if case .ints(let values) = attributes[name] { values } else { nil }
  }

  /// A real attribute: the shortest decimal that rounds to the file's float32.
  public func real(_ name: String) -> Double? {
    if case .float(let value) = attributes[name] { decimal(value) } else { nil }
  }

  /// A list of reals.
  public func reals(_ name: String) -> [Double]? {
    if case .floats(let values) = attributes[name] { values.map(decimal) } else { nil }
  }

  /// A text.
  public func text(_ name: String) -> String? {
    if case .text(let value) = attributes[name] { value } else { nil }
  }

  /// A tensor.
  public func tensor(_ name: String) -> ONNXTensor? {
    if case .tensor(let value) = attributes[name] { value } else { nil }
  }

  /// 1e-5 is stored as 9.99999975e-06; the decimal is meant.
  private func decimal(_ value: Float) -> Double { Double("\(value)") ?? Double(value) }
}

/// The value of an attribute, restricted to the kinds that operators of a classifier have.
enum ONNXAttribute: Sendable {
  case int(Int)
  case ints([Int])
  case float(Float)
  case floats([Float])
  case text(String)
  case tensor(ONNXTensor)
}

/// Defects of an ONNX file.
public enum ONNXError: ClassifiedError, Sendable, Equatable {
  /// The bytes are not an ONNX model.
  case notONNX(path: String, reason: String)
  /// The structure of the model is invalid.
  case malformed(path: String, reason: String)
  /// The file uses an unsupported version of the operators.
  case opset(path: String, found: Int)
  /// The data of an initializer do not fit its type and shape.
  case tensor(path: String, name: TensorName, reason: String)
  /// External data that may not be read.
  case externalData(path: String, name: TensorName, reason: String)
}

extension ONNXError: CustomStringConvertible {
  /// One line without the tool's name; names in it are escaped.
  public var description: String {
    switch self {
    case .notONNX(let path, let reason): "\(escapedForDiagnostics(path)): not an ONNX model: \(reason)"
    case .malformed(let path, let reason): "\(escapedForDiagnostics(path)): \(reason)"
    case .opset(let path, let found):
      "\(escapedForDiagnostics(path)): expected an operator set from \(ONNXModel.opsets.lowerBound) to "
        + "\(ONNXModel.opsets.upperBound), found \(found); export with opset_version=\(ONNXModel.advisedOpset)"
    case .tensor(let path, let name, let reason):
      "\(escapedForDiagnostics(path)): initializer \"\(name)\": \(reason)"
    case .externalData(let path, let name, let reason):
      "\(escapedForDiagnostics(path)): initializer \"\(name)\": external data: \(reason)"
    }
  }
}
