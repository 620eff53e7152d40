/// The ways in which a safetensors file can be malformed.
///
/// The order is that of the reference reader's checks; duplicates are refused in addition, because the
/// specification forbids them and readers that keep different ones would see different tensors.
public enum SafetensorsFault: Error, Sendable, Equatable {
  /// Fewer than 8 bytes.
  case headerTooSmall(fileBytes: Int)
  /// The header length is beyond 100,000,000 bytes.
  case headerTooLarge(UInt64)
  /// The header would end after the file.
  case headerPastEnd(headerBytes: Int, fileBytes: Int)
  /// The header is not the JSON it should be; the offset counts from the start of the file.
  case invalidJSON(offset: Int, reason: String)
  /// More tensors or dimensions than any model has.
  case tooMany(String, limit: Int)
  /// Two entries with the same name.
  case duplicateTensor(TensorName)
  /// A tensor does not start where its predecessor ends, or ends before it starts.
  case invalidOffset(TensorName, expected: Int, found: [Int])
  /// The product of the shape overflows.
  case shapeOverflow(TensorName, [Int])
  /// Sub-byte elements that do not fill whole bytes.
  case misaligned(TensorName, String)
  /// The data range does not have the size of the shape.
  case sizeMismatch(TensorName, expected: Int, found: Int)
  /// The tensors do not fill the file exactly.
  case incompleteBuffer(expected: Int, found: Int)
}

extension SafetensorsFault: CustomStringConvertible {
  /// One line.
  public var description: String {
    switch self {
    case .headerTooSmall(let bytes):
      "not a checkpoint: \(bytes) bytes are too few for a safetensors header"
    case .headerTooLarge(let length):
      "not a checkpoint, or damaged: header length \(length) exceeds 100000000"
    case .headerPastEnd(let header, let file):
      "truncated: header needs \(header) bytes, the file has \(file)"
    case .invalidJSON(let offset, let reason): "header: byte \(offset): \(reason)"
    case .tooMany(let what, let limit): "header: more than \(limit) \(what)"
    case .duplicateTensor(let name): "header: tensor \"\(name)\" appears twice"
    case .invalidOffset(let name, let expected, let found):
      "tensor \"\(name)\": expected data to start at \(expected), found data_offsets \(found)"
    case .shapeOverflow(let name, let shape): "tensor \"\(name)\": shape \(shape) overflows"
    case .misaligned(let name, let layout): "tensor \"\(name)\": \(layout) does not fill whole bytes"
    case .sizeMismatch(let name, let expected, let found):
      "tensor \"\(name)\": expected \(expected) bytes of data, found \(found)"
    case .incompleteBuffer(let expected, let found):
      found < expected
        ? "truncated: expected \(expected) bytes, found \(found)"
        : "expected \(expected) bytes, found \(found): junk behind the tensors"
    }
  }
}
