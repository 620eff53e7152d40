/// A tensor's element type, shape and data in memory.
public struct TensorValue: Sendable, Equatable {
  /// The type of the elements.
  public let dtype: DType
  /// The dimensions, outermost first.
  public let shape: [Int]
  /// The data, little-endian, row-major, as stored.
  public let bytes: [UInt8]

  /// - Precondition: `bytes` has the size that `dtype` and `shape` need.
  public init(dtype: DType, shape: [Int], bytes: [UInt8]) {
    precondition(
      checkedBitCount(dtype, shape).map { ($0 + 7) / 8 } == bytes.count, "data and shape disagree")
    self.dtype = dtype
    self.shape = shape
    self.bytes = bytes
  }

  /// An F32 tensor.
  public init(f32 values: [Float], shape: [Int]) {
    self.init(dtype: .f32, shape: shape, bytes: values.withUnsafeBytes { Array($0) })
  }

  /// An I64 tensor.
  public init(i64 values: [Int64], shape: [Int]) {
    self.init(dtype: .i64, shape: shape, bytes: values.withUnsafeBytes { Array($0) })
  }

  /// A tensor of any real element type, rounded once to nearest, ties to even.
  ///
  /// - Parameters:
  ///   - values: The elements, row by row; as many as `shape` holds.
  ///   - shape: Dimensions of the tensor.
  ///   - dtype: The element type to round to.
  ///   - name: Appears in the error.
  /// - Throws: `CheckpointError.unrepresentable` when a value is beyond the range of `dtype`,
  ///   `CheckpointError.notReal` for complex and sub-byte types.
  public init(doubles values: [Double], shape: [Int], dtype: DType, name: TensorName = "") throws {
    guard dtype.isReal else { throw CheckpointError.notReal(name, dtype) }
    var overflow: Int?
    let bytes = [UInt8](unsafeUninitializedCapacity: values.count * dtype.bitWidth / 8) { buffer, count in
      count = buffer.count
      overflow = values.withUnsafeBufferPointer {
        ElementConversion.narrow($0, to: dtype, into: UnsafeMutableRawBufferPointer(buffer))
      }
    }
    if let overflow {
      throw CheckpointError.unrepresentable(name, dtype, index: overflow, value: values[overflow])
    }
    self.init(dtype: dtype, shape: shape, bytes: bytes)
  }

  /// Number of elements.
  public var elementCount: Int { shape.reduce(1, *) }

  /// The elements as doubles, exact for every float type and for integers up to 2^53.
  ///
  /// - Throws: `CheckpointError.notReal` for complex and sub-byte types.
  public func doubles() throws -> [Double] {
    guard dtype.isReal else { throw CheckpointError.notReal("", dtype) }
    return bytes.withUnsafeBytes { source in
      [Double](unsafeUninitializedCapacity: source.count / (dtype.bitWidth / 8)) { buffer, count in
        count = source.count / (dtype.bitWidth / 8)
        ElementConversion.widen(source, dtype, into: UnsafeMutableBufferPointer(rebasing: buffer[..<count]))
      }
    }
  }

  /// The elements of an I64 tensor, which doubles hold exactly up to 2^53 only.
  ///
  /// - Precondition: The element type is I64.
  public var int64s: [Int64] {
    precondition(dtype == .i64, "I64 expected, found \(dtype.name)")
    return [Int64](unsafeUninitializedCapacity: bytes.count / 8) { buffer, count in
      UnsafeMutableRawBufferPointer(buffer).copyBytes(from: bytes)
      count = bytes.count / 8
    }
  }

  /// The elements as floats: exact up to F32, F64 and large integers rounded once to nearest.
  ///
  /// - Throws: `CheckpointError.notReal` for complex and sub-byte types.
  public func floats() throws -> [Float] {
    if dtype == .f32 {
      return [Float](unsafeUninitializedCapacity: bytes.count / 4) { buffer, count in
        count = bytes.count / 4
        UnsafeMutableRawBufferPointer(buffer).copyBytes(from: bytes)
      }
    }
    return try doubles().map { Float($0) }
  }
}
