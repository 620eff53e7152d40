import Checkpoint

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
  public static let opsets = 11...22
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
