import Checkpoint

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
