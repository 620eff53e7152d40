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
