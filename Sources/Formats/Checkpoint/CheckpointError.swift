import Platform

/// What can go wrong with a checkpoint, with the file and tensor concerned.
public enum CheckpointError: ClassifiedError, Sendable, Equatable {
  /// The file cannot be opened; the code is that of `open(2)`.
  case cannotOpen(path: String, code: Int32)
  /// A folder without the index of a sharded set.
  case directoryWithoutIndex(path: String)
  /// Reading failed with this `errno`.
  case readFailed(path: String, code: Int32)
  /// The file ended before `offset` although it was longer when it was opened.
  case fileShrank(path: String, offset: Int)
  /// The structure of a safetensors file is wrong.
  case invalidHeader(path: String, SafetensorsFault)
  /// Any other malformed file.
  case malformed(path: String, reason: String)
  /// A tensor that is needed is not there.
  case missingTensor(path: String, TensorName)
  /// A tensor is not what it should be.
  case mismatch(path: String, TensorName, expected: String, found: String)
  /// The range asked for lies outside the tensor.
  case outOfRange(path: String, TensorName, offset: Int, count: Int)
  /// A value is beyond the range of the element type it should be stored in.
  case unrepresentable(TensorName, DType, index: Int, value: Double)
  /// Arithmetic on an element type that is complex or smaller than a byte.
  case notReal(TensorName, DType)
  /// The output cannot be created.
  case cannotCreate(path: String, reason: String)
  /// Writing failed with this `errno`.
  case writeFailed(path: String, code: Int32)
  /// The caller asked for something that cannot be written.
  case invalidRequest(path: String, reason: String)

  /// The class of this error.
  public var kind: FailureKind {
    switch self {
    case .cannotOpen: .noInput
    case .readFailed, .fileShrank, .writeFailed: .io
    case .cannotCreate: .cannotCreate
    case .invalidRequest: .usage
    case .directoryWithoutIndex, .invalidHeader, .malformed, .missingTensor, .mismatch, .outOfRange,
      .unrepresentable, .notReal:
      .badData
    }
  }
}

extension CheckpointError: CustomStringConvertible {
  /// One line without the tool's name.
  public var description: String {
    switch self {
    case .cannotOpen(let path, let code): "\(text(path)): cannot open: \(systemMessage(code))"
    case .directoryWithoutIndex(let path):
      "\(text(path)): is a folder without model.safetensors.index.json or pytorch_model.bin.index.json; a series of checkpoints is for ckpt-average --series DIR"
    case .readFailed(let path, let code): "\(text(path)): read failed: \(systemMessage(code))"
    case .fileShrank(let path, let offset):
      "\(text(path)): became shorter while it was read: no data at byte \(offset)"
    case .invalidHeader(let path, let fault): "\(text(path)): \(fault)"
    case .malformed(let path, let reason): "\(text(path)): \(reason)"
    case .missingTensor(let path, let name): "\(text(path)): tensor \"\(name)\": not in the checkpoint"
    case .mismatch(let path, let name, let expected, let found):
      "\(text(path)): tensor \"\(name)\": expected \(expected), found \(found)"
    case .outOfRange(let path, let name, let offset, let count):
      "\(text(path)): tensor \"\(name)\": has no bytes \(offset)..<\(offset &+ count)"
    case .unrepresentable(let name, let dtype, let index, let value):
      "tensor \"\(name)\": element \(index) is \(value), which \(dtype) cannot hold"
    case .notReal(let name, let dtype):
      name.string.isEmpty
        ? "elements of type \(dtype) are not real numbers of whole bytes"
        : "tensor \"\(name)\": expected a real element type, found \(dtype)"
    case .cannotCreate(let path, let reason): "\(text(path)): cannot create: \(reason)"
    case .writeFailed(let path, let code): "\(text(path)): write failed: \(systemMessage(code))"
    case .invalidRequest(let path, let reason): "\(text(path)): \(reason)"
    }
  }

  private func text(_ path: String) -> String { escapedForDiagnostics(path) }
}

func systemMessage(_ code: Int32) -> String {
  String(cString: strerror(code)) + (code == EMFILE ? "; 'ulimit -n' raises the limit" : "")
}
