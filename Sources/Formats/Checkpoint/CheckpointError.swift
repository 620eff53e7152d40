import Platform

/// Error of reading or writing a checkpoint, with the file and tensor concerned.
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
  /// A PyTorch file holds no state dict, or none under the key that was asked for.
  case noStateDict(path: String, reason: String)
  /// A PyTorch file holds several state dicts of equal standing; by their keys, empty for the top level.
  case ambiguousStateDict(path: String, keys: [String])
  /// A state dict was asked for by its key in a file whose format has no keys.
  case keyWithoutMeaning(path: String, key: String, format: String)
  /// A file is only a part of a checkpoint.
  case partOfCheckpoint(path: String, reason: String)
  /// A folder lacks files of the checkpoint that it holds.
  case incompleteFolder(path: String, reason: String)
  /// Two tensors have the same name once what wrappers put into names is taken off: that name, and theirs in the file.
  case nameCollision(path: String, TensorName, TensorName, TensorName)
  /// A file holds differences to another checkpoint, which was not given; its name if the file records it.
  case missingBase(path: String, base: String?)
  /// A tensor of plain data begins like compressed data and would be taken for such.
  case looksCompressed(path: String, TensorName)
  /// A format cannot hold an element type.
  case unsupportedType(path: String, TensorName, DType, format: String)
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
    case .invalidRequest, .missingBase, .looksCompressed, .unsupportedType, .keyWithoutMeaning: .usage
    case .directoryWithoutIndex, .invalidHeader, .noStateDict, .ambiguousStateDict, .partOfCheckpoint,
      .incompleteFolder,
      .nameCollision, .malformed, .missingTensor, .mismatch, .outOfRange,
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
      "\(text(path)): is a folder without the index of a sharded set and without config.json and weights"
    case .noStateDict(let path, let reason): "\(text(path)): \(reason)"
    case .ambiguousStateDict(let path, let keys):
      "\(text(path)): contains several equally plausible state dicts: \(list(keys))"
    case .keyWithoutMeaning(let path, let key, let format):
      "\(text(path)): no key \"\(escapedForDiagnostics(key))\": \(format) holds one state dict without keys"
    case .partOfCheckpoint(let path, let reason), .incompleteFolder(let path, let reason):
      "\(text(path)): \(reason)"
    case .missingBase(let path, let base):
      "\(text(path)): is stored as a difference to another checkpoint"
        + (base.map { " \"\(escapedForDiagnostics($0))\"" } ?? "")
    case .looksCompressed(let path, let name):
      "\(text(path)): tensor \"\(name)\": begins like compressed data and cannot be stored plainly"
    case .unsupportedType(let path, let name, let dtype, let format):
      "\(text(path)): tensor \"\(name)\": \(format) cannot hold \(dtype)"
    case .nameCollision(let path, let name, let first, let second):
      "\(text(path)): tensors \"\(first)\" and \"\(second)\" are both \"\(name)\" without what wrappers put into names"
    case .readFailed(let path, let code): "\(text(path)): read failed: \(systemMessage(code))"
    case .fileShrank(let path, let offset):
      "\(text(path)): shrank while it was being read: no data at byte \(offset)"
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

  private func list(_ keys: [String]) -> String {
    let shown = keys.prefix(20).map { key in
      key.isEmpty ? "the top level (\"\")" : "\"\(escapedForDiagnostics(String(key.prefix(80))))\""
    }
    return shown.joined(separator: ", ") + (keys.count > 20 ? ", …" : "")
  }
}

func systemMessage(_ code: Int32) -> String {
  String(cString: strerror(code)) + (code == EMFILE ? "; 'ulimit -n' raises the limit" : "")
}
