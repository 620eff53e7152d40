/// Name, element type and shape of a tensor.
public struct TensorSpec: Hashable, Sendable {
  /// The tensor's name.
  public var name: TensorName
  /// The type of its elements.
  public var dtype: DType
  /// Its dimensions, outermost first; empty for a scalar.
  public var shape: [Int]

  /// - Parameters:
  ///   - name: The tensor's name.
  ///   - dtype: The element type.
  ///   - shape: Non-negative dimensions whose product does not overflow.
  public init(name: TensorName, dtype: DType, shape: [Int]) {
    self.name = name
    self.dtype = dtype
    self.shape = shape
  }

  /// Number of elements: the product of the dimensions, 1 for a scalar.
  public var elementCount: Int { shape.reduce(1, *) }

  /// Size of the data in bytes.
  public var byteCount: Int { (elementCount * dtype.bitWidth + 7) / 8 }

  /// Element type and shape as diagnostics write them: `F32 [1000, 2048]`.
  public var layout: String { layoutText(dtype, shape) }
}

func layoutText(_ dtype: DType, _ shape: [Int]) -> String { "\(dtype) \(shape)" }

/// Bits of a tensor of this shape; nil when the product overflows, whatever the order of the dimensions.
///
/// Zero dimensions are left out of the check on purpose: an empty tensor whose other dimensions overflow would
/// trap whoever multiplies them in another order.
package func checkedBitCount(_ dtype: DType, _ shape: [Int]) -> Int? {
  var bits = dtype.bitWidth
  var empty = false
  for dimension in shape {
    if dimension < 0 { return nil }
    if dimension == 0 {
      empty = true
      continue
    }
    let (product, overflow) = bits.multipliedReportingOverflow(by: dimension)
    if overflow { return nil }
    bits = product
  }
  return empty ? 0 : bits
}

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
