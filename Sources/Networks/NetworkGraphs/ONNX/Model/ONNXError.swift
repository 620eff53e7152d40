import Checkpoint
import Platform

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
