import Checkpoint
import Platform

/// A constant tensor of an ONNX file.
public struct ONNXTensor: Sendable {
  /// Name, element type and shape.
  public let spec: TensorSpec
  let data: Storage

  enum Storage: Sendable {
    /// Little-endian, row-major bytes, of the size that the shape requires.
    case bytes([UInt8])
    case external(ExternalData)
  }
}

extension ONNXTensor {
  /// - Throws: `ONNXError`.
  init(_ tensor: OnnxSubset_Tensor, model: String) throws {
    let name = TensorName(tensor.name)
    func fail(_ reason: String) -> ONNXError { .tensor(path: model, name: name, reason: reason) }
    guard let dtype = Self.dtypes[tensor.dataType] else {
      throw fail("element type \(tensor.dataType) is not supported")
    }
    guard tensor.dims.allSatisfy({ $0 >= 0 }), tensor.dims.count <= 16,
      let bits = checkedBitCount(dtype, tensor.dims.map(Int.init))
    else { throw fail("has the impossible shape \(tensor.dims)") }
    spec = TensorSpec(name: name, dtype: dtype, shape: tensor.dims.map(Int.init))
    let size = (bits + 7) / 8
    if tensor.dataLocation == 1 {
      data = .external(try ExternalData(tensor.externalData, of: name, size: size, model: model))
      return
    }
    let bytes = tensor.rawData.isEmpty ? Self.typedBytes(tensor, dtype) : [UInt8](tensor.rawData)
    guard bytes.count == size else {
      throw fail("needs \(size) bytes for \(spec.layout), found \(bytes.count)")
    }
    data = .bytes(bytes)
  }

  /// The entries of onnx.proto's `DataType` that occur in networks.
  private static let dtypes: [Int32: DType] = [
    1: .f32, 2: .u8, 3: .i8, 4: .u16, 5: .i16, 6: .i32, 7: .i64, 9: .bool, 10: .f16, 11: .f64, 12: .u32,
    13: .u64, 16: .bf16,
  ]

  /// The data of the list that belongs to the element type; small types are stored singly in the 32-bit list.
  private static func typedBytes(_ tensor: OnnxSubset_Tensor, _ dtype: DType) -> [UInt8] {
    func bytes<T>(_ values: [T]) -> [UInt8] { values.withUnsafeBytes { Array($0) } }
    switch dtype {
    case .f32: return bytes(tensor.floatData)
    case .f64: return bytes(tensor.doubleData)
    case .i64: return bytes(tensor.int64Data)
    case .u64: return bytes(tensor.uint64Data)
    case .u32: return bytes(tensor.uint64Data.map { UInt32(truncatingIfNeeded: $0) })
    case .i32: return bytes(tensor.int32Data)
    case .i16, .u16, .f16, .bf16: return bytes(tensor.int32Data.map { UInt16(truncatingIfNeeded: $0) })
    default: return bytes(tensor.int32Data.map { UInt8(truncatingIfNeeded: $0) })
    }
  }
}

/// Location of an initializer's data in another file.
///
/// The name comes from the model: only files in the model's own folder and its subfolders are opened, and no
/// symbolic link is followed.
struct ExternalData: Sendable {
  let components: [String]
  let offset: Int
  let size: Int

  /// - Throws: `ONNXError.externalData`.
  init(_ entries: [OnnxSubset_Entry], of name: TensorName, size: Int, model: String) throws {
    func fail(_ reason: String) -> ONNXError { .externalData(path: model, name: name, reason: reason) }
    let values = Dictionary(entries.map { ($0.key, $0.value) }) { first, _ in first }
    guard let location = values["location"], !location.isEmpty else { throw fail("names no file") }
    components = location.utf8.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false).map {
      String(Substring($0))
    }
    guard components.allSatisfy({ !["", ".", ".."].contains($0) && !$0.utf8.contains(0) }) else {
      throw fail("\"\(escapedForDiagnostics(location))\" is not a file inside of the model's folder")
    }
    func number(_ key: String) throws -> Int? {
      guard let text = values[key] else { return nil }
      guard let number = Int(text), number >= 0 else {
        throw fail("the \(key) \"\(escapedForDiagnostics(text))\" is no number of bytes")
      }
      return number
    }
    offset = try number("offset") ?? 0
    self.size = size
    if let length = try number("length"), length != size {
      throw fail("needs \(size) bytes, found a length of \(length)")
    }
    guard !offset.addingReportingOverflow(size).overflow else { throw fail("lies beyond any file's end") }
  }

  /// Reads `count` bytes from `start` of the tensor's data on.
  func read(in folder: String, of name: TensorName, model: String, at start: Int, count: Int) throws
    -> [UInt8]
  {
    let file = try openFile(in: folder, of: name, model: model)
    guard offset + size <= file.length else {
      throw ONNXError.externalData(
        path: model, name: name,
        reason:
          "\"\(escapedForDiagnostics(components.joined(separator: "/")))\" ends at byte \(file.length), "
          + "before the data's end at \(offset + size)")
    }
    return try file.bytes(at: offset + start, count: count)
  }

  /// The file that the data is in.
  func openFile(in folder: String, of name: TensorName, model: String) throws -> InputFile {
    func fail(_ reason: String) -> ONNXError { .externalData(path: model, name: name, reason: reason) }
    let path = components.joined(separator: "/")
    func failure(_ code: Int32) -> ONNXError {
      code == ELOOP || code == ENOTDIR
        ? fail("\"\(escapedForDiagnostics(path))\" is reached through a symbolic link")
        : fail("\"\(escapedForDiagnostics(path))\": cannot open: \(String(cString: strerror(code)))")
    }
    var descriptor = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard descriptor >= 0 else { throw failure(errno) }
    for (index, component) in components.enumerated() {
      // O_NONBLOCK: a FIFO in the file's place must not make us wait for a writer.
      let flags = index + 1 < components.count ? O_DIRECTORY : O_NONBLOCK
      let next = openat(descriptor, component, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | flags)
      let code = errno
      close(descriptor)
      guard next >= 0 else { throw failure(code) }
      descriptor = next
    }
    var status = stat()
    guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
      close(descriptor)
      throw fail("\"\(escapedForDiagnostics(path))\" is no regular file")
    }
    return InputFile(descriptor: descriptor, length: Int(status.st_size), label: path)
  }
}
