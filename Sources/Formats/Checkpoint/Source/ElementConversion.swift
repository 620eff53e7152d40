import CCheckpointKernels

/// Conversion between stored elements and doubles.
///
/// Every value is rounded at most once, to nearest with ties to even. Sources: IEEE 754-2019; OCP 8-bit Floating
/// Point Specification 1.0 (E4M3, E5M2); OCP Microscaling Formats 1.0 (E8M0); Noune et al. 2022,
/// arXiv:2206.02915 (the variants without negative zero). Data are little-endian, as is every supported machine.
public enum ElementConversion {
  /// Widens elements to double: exact for all floats and for integers up to 2^53, larger ones to nearest.
  ///
  /// - Parameters:
  ///   - source: At least `target.count` elements, any alignment.
  ///   - dtype: Their type, `isReal`.
  ///   - target: Filled completely.
  public static func widen(
    _ source: UnsafeRawBufferPointer, _ dtype: DType, into target: UnsafeMutableBufferPointer<Double>
  ) {
    let count = target.count
    guard count > 0, let from = source.baseAddress, let to = target.baseAddress else { return }
    precondition(source.count / (dtype.bitWidth / 8) >= count, "too few elements")
    switch dtype {
    case .bool:
      for i in 0..<count { to[i] = source[i] == 0 ? 0 : 1 }
    case .u8: widenIntegers(UInt8.self, from, to, count)
    case .i8: widenIntegers(Int8.self, from, to, count)
    case .u16: widenIntegers(UInt16.self, from, to, count)
    case .i16: widenIntegers(Int16.self, from, to, count)
    case .u32: widenIntegers(UInt32.self, from, to, count)
    case .i32: widenIntegers(Int32.self, from, to, count)
    case .u64: widenIntegers(UInt64.self, from, to, count)
    case .i64: widenIntegers(Int64.self, from, to, count)
    case .f64: UnsafeMutableRawPointer(to).copyMemory(from: from, byteCount: 8 * count)
    case .f32: ck_widen_f32(from, to, count)
    case .bf16: ck_widen_bf16(from, to, count)
    case .f16: ck_widen_f16(from, to, count)
    case .f8e5m2: ck_widen_f8(CK_F8_E5M2, from, to, count)
    case .f8e4m3: ck_widen_f8(CK_F8_E4M3, from, to, count)
    case .f8e8m0: ck_widen_f8(CK_F8_E8M0, from, to, count)
    case .f8e4m3fnuz: ck_widen_f8(CK_F8_E4M3FNUZ, from, to, count)
    case .f8e5m2fnuz: ck_widen_f8(CK_F8_E5M2FNUZ, from, to, count)
    case .f4, .f6e2m3, .f6e3m2, .c64:
      preconditionFailure("\(dtype) elements are not real numbers of whole bytes")
    }
  }

  /// Rounds doubles to elements of `dtype`.
  ///
  /// A finite value beyond the range becomes infinity, or NaN where the type has no infinity, or the nearest integer
  /// bound, as PyTorch's casts do for floats; `saturating` makes it the largest finite value of its sign. A NaN has
  /// no integer; it becomes 0. E8M0 holds powers of two only: a middle goes up, as in PyTorch, and zero and negative
  /// values count as out of range.
  ///
  /// - Returns: Index of the first value that `dtype` cannot hold; nil when all were in range.
  public static func narrow(
    _ source: UnsafeBufferPointer<Double>, to dtype: DType, into target: UnsafeMutableRawBufferPointer,
    saturating: Bool = false
  ) -> Int? {
    let count = source.count
    guard count > 0, let from = source.baseAddress, let to = target.baseAddress else { return nil }
    precondition(target.count / (dtype.bitWidth / 8) >= count, "too little room")
    let failed: Int
    switch dtype {
    case .bool:
      for i in 0..<count { target[i] = from[i] == 0 ? 0 : 1 }
      return nil
    case .u8: return narrowIntegers(UInt8.self, from, to, count)
    case .i8: return narrowIntegers(Int8.self, from, to, count)
    case .u16: return narrowIntegers(UInt16.self, from, to, count)
    case .i16: return narrowIntegers(Int16.self, from, to, count)
    case .u32: return narrowIntegers(UInt32.self, from, to, count)
    case .i32: return narrowIntegers(Int32.self, from, to, count)
    case .u64: return narrowIntegers(UInt64.self, from, to, count)
    case .i64: return narrowIntegers(Int64.self, from, to, count)
    case .f64:
      to.copyMemory(from: from, byteCount: 8 * count)
      return nil
    case .f32: failed = ck_narrow_f32(from, to, count, saturating)
    case .bf16: failed = ck_narrow_bf16(from, to, count, saturating)
    case .f16: failed = ck_narrow_f16(from, to, count, saturating)
    case .f8e5m2: failed = ck_narrow_f8(CK_F8_E5M2, from, to, count, saturating)
    case .f8e4m3: failed = ck_narrow_f8(CK_F8_E4M3, from, to, count, saturating)
    case .f8e8m0: failed = ck_narrow_f8(CK_F8_E8M0, from, to, count, saturating)
    case .f8e4m3fnuz: failed = ck_narrow_f8(CK_F8_E4M3FNUZ, from, to, count, saturating)
    case .f8e5m2fnuz: failed = ck_narrow_f8(CK_F8_E5M2FNUZ, from, to, count, saturating)
    case .f4, .f6e2m3, .f6e3m2, .c64:
      preconditionFailure("\(dtype) elements are not real numbers of whole bytes")
    }
    return failed < 0 ? nil : failed
  }

  @inline(__always)
  private static func widenIntegers<Value: FixedWidthInteger>(
    _: Value.Type, _ from: UnsafeRawPointer, _ to: UnsafeMutablePointer<Double>, _ count: Int
  ) {
    for i in 0..<count {
      to[i] = Double(from.loadUnaligned(fromByteOffset: i * MemoryLayout<Value>.size, as: Value.self))
    }
  }

  @inline(__always)
  private static func narrowIntegers<Value: FixedWidthInteger>(
    _: Value.Type, _ from: UnsafePointer<Double>, _ to: UnsafeMutableRawPointer, _ count: Int
  ) -> Int? {
    var failed: Int?
    for i in 0..<count {
      let rounded = from[i].rounded(.toNearestOrEven)
      var value = Value(exactly: rounded)
      if value == nil {
        failed = failed ?? i
        value = rounded.isNaN ? 0 : rounded < 0 ? .min : .max
      }
      to.storeBytes(of: value!, toByteOffset: i * MemoryLayout<Value>.size, as: Value.self)
    }
    return failed
  }
}
