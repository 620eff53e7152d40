import Checkpoint

/// The floating-point initializers of an ONNX file as a checkpoint.
///
/// PyTorch's older exporter stores equal tensors once and gives them further names through `Identity` nodes;
/// those names are separate tensors here.
public final class ONNXCheckpoint: CheckpointSource {
  /// The model.
  public let model: ONNXModel
  /// The tensors, by name.
  public let tensors: [TensorSpec]
  /// Empty: ONNX has no metadata for weights.
  public let metadata = Metadata()
  private let indices: [TensorName: Int]
  private let origins: [TensorName: ONNXTensor]

  /// - Parameter model: The parsed file.
  public init(_ model: ONNXModel) {
    self.model = model
    var origins = model.initializers.filter { $0.value.spec.dtype.isFloatingPoint }
    for node in model.nodes where node.type == "Identity" && node.domain.isEmpty {
      guard let input = node.inputs.first, let output = node.outputs.first else { continue }
      origins[TensorName(output)] = origins[TensorName(input)]
    }
    self.origins = origins
    tensors = origins.sorted { $0.key < $1.key }.map { name, tensor in
      TensorSpec(name: name, dtype: tensor.spec.dtype, shape: tensor.spec.shape)
    }
    indices = Dictionary(uniqueKeysWithValues: tensors.enumerated().map { ($1.name, $0) })
  }

  /// The format's name with the version of its operators.
  public var storage: CheckpointStorage {
    CheckpointStorage(formatDescription: "ONNX, operator set \(model.opset)")
  }

  /// The file's name.
  public var label: String { model.label }

  /// The index of a tensor; nil when there is none of this name.
  public func index(of name: TensorName) -> Int? { indices[name] }

  /// A reader of a tensor; it throws `ONNXError` and `CheckpointError`.
  public func reader(at index: Int) -> TensorReader {
    let name = tensors[index].name
    return { [model, label, origins] byteOffset, buffer in
      guard let tensor = origins[name] else { throw CheckpointError.missingTensor(path: label, name) }
      guard byteOffset >= 0, buffer.count <= tensor.spec.byteCount - byteOffset else {
        throw CheckpointError.outOfRange(path: label, name, offset: byteOffset, count: buffer.count)
      }
      buffer.copyBytes(from: try model.bytes(of: tensor, at: byteOffset, count: buffer.count))
    }
  }
}

/// Opens a checkpoint of any format, or an ONNX file as one.
///
/// - Throws: `CheckpointError`; `ONNXError`.
public func openModel(_ path: String, options: OpenOptions = OpenOptions()) throws -> any CheckpointSource {
  guard ONNXModel.isNamed(path) else {
    return try openCheckpoint(Location(argument: path), options: options)
  }
  try options.checkKey(for: path, format: "an ONNX file")
  return ONNXCheckpoint(try ONNXModel(path: path))
}

extension ONNXModel {
  /// True if a path is that of an ONNX file. Such files have no signature, so their names decide.
  public static func isNamed(_ path: String) -> Bool { path.lowercased().hasSuffix(".onnx") }
}
