/// Storage format of cached features; all arithmetic is float32.
public enum FeatureElement: String, Sendable, CaseIterable {
  /// 32 bits: exact.
  case f32
  /// IEEE half precision, 16 bits: 11 significant bits, largest number 65504.
  case f16
  /// bfloat16, 16 bits: 8 significant bits, the range of float32.
  case bf16

  var byteCount: Int { self == .f32 ? 4 : 2 }
}

/// Eight features in a storage format, as a type so that the tail's kernel is specialized.
protocol StoredLanes {
  /// The stored values, or nil if one of them is too large for the format.
  static func encode(_ values: SIMD8<Float>) -> Self?
  var decoded: SIMD8<Float> { get }
}

struct Float32Lanes: StoredLanes {
  let decoded: SIMD8<Float>

  @inline(__always)
  static func encode(_ values: SIMD8<Float>) -> Float32Lanes? { Float32Lanes(decoded: values) }
}

struct BFloat16Lanes: StoredLanes {
  let bits: SIMD8<UInt16>

  static func encode(_ values: SIMD8<Float>) -> BFloat16Lanes? {
    let bits = unsafeBitCast(values, to: SIMD8<UInt32>.self)
    // Round to nearest, ties to even: the bit below the kept ones plus the lowest kept one.
    let rounded = bits &+ 0x7FFF &+ ((bits &>> 16) & 1)
    let result = BFloat16Lanes(bits: SIMD8<UInt16>(truncatingIfNeeded: rounded &>> 16))
    return (0..<8).allSatisfy { result.decoded[$0].isFinite || !values[$0].isFinite } ? result : nil
  }

  var decoded: SIMD8<Float> {
    @inline(__always) get {
      unsafeBitCast(SIMD8<UInt32>(truncatingIfNeeded: bits) &<< 16, to: SIMD8<Float>.self)
    }
  }
}

struct Float16Lanes: StoredLanes {
  let bits: SIMD8<UInt16>

  static func encode(_ values: SIMD8<Float>) -> Float16Lanes? {
    var bits = SIMD8<UInt16>()
    for lane in 0..<8 {
      let half = Float16(values[lane])
      guard half.isFinite else { return nil }
      bits[lane] = half.bitPattern
    }
    return Float16Lanes(bits: bits)
  }

  var decoded: SIMD8<Float> {
    @inline(__always) get {
      // Exponent and fraction moved into place, then the bias corrected by an exact product, which also gives
      // subnormal numbers their value. Infinities do not occur: `encode` refuses them.
      let wide = SIMD8<UInt32>(truncatingIfNeeded: bits)
      let magnitude = unsafeBitCast((wide & 0x7FFF) &<< 13, to: SIMD8<Float>.self) * 0x1p112
      let sign = (wide & 0x8000) &<< 16
      return unsafeBitCast(unsafeBitCast(magnitude, to: SIMD8<UInt32>.self) | sign, to: SIMD8<Float>.self)
    }
  }
}
