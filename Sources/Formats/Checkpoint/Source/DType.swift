/// The element types of safetensors, in the order of the reference implementation's enumeration.
///
/// The order is part of the format's canonical form: tensors are stored by descending element type, then by name.
/// Source: safetensors 0.8, `safetensors/src/tensor.rs`, `enum Dtype`.
public enum DType: UInt8, CaseIterable, Sendable, Hashable {
  /// One byte, zero or one.
  case bool
  /// Four bits: 1 sign, 2 exponent, 1 mantissa (OCP MX).
  case f4
  /// Six bits: 1 sign, 2 exponent, 3 mantissa (OCP MX).
  case f6e2m3
  /// Six bits: 1 sign, 3 exponent, 2 mantissa (OCP MX).
  case f6e3m2
  /// Unsigned 8-bit integer.
  case u8
  /// Signed 8-bit integer.
  case i8
  /// 8-bit float, 5 exponent bits, with infinities.
  case f8e5m2
  /// 8-bit float, 4 exponent bits, finite, one NaN per sign.
  case f8e4m3
  /// 8-bit power of two without sign (OCP MX scale).
  case f8e8m0
  /// 8-bit float, 4 exponent bits, bias 8, no negative zero.
  case f8e4m3fnuz
  /// 8-bit float, 5 exponent bits, bias 16, no negative zero.
  case f8e5m2fnuz
  /// Signed 16-bit integer.
  case i16
  /// Unsigned 16-bit integer.
  case u16
  /// IEEE 754 binary16.
  case f16
  /// The upper half of a binary32.
  case bf16
  /// Signed 32-bit integer.
  case i32
  /// Unsigned 32-bit integer.
  case u32
  /// IEEE 754 binary32.
  case f32
  /// Two binary32: real and imaginary part.
  case c64
  /// IEEE 754 binary64.
  case f64
  /// Signed 64-bit integer.
  case i64
  /// Unsigned 64-bit integer.
  case u64
}

extension DType {
  /// The name in a safetensors header, such as `F32`.
  public var name: String {
    switch self {
    case .bool: "BOOL"
    case .f4: "F4"
    case .f6e2m3: "F6_E2M3"
    case .f6e3m2: "F6_E3M2"
    case .u8: "U8"
    case .i8: "I8"
    case .f8e5m2: "F8_E5M2"
    case .f8e4m3: "F8_E4M3"
    case .f8e8m0: "F8_E8M0"
    case .f8e4m3fnuz: "F8_E4M3FNUZ"
    case .f8e5m2fnuz: "F8_E5M2FNUZ"
    case .i16: "I16"
    case .u16: "U16"
    case .f16: "F16"
    case .bf16: "BF16"
    case .i32: "I32"
    case .u32: "U32"
    case .f32: "F32"
    case .c64: "C64"
    case .f64: "F64"
    case .i64: "I64"
    case .u64: "U64"
    }
  }

  /// The type that a safetensors header calls `name`; nil when there is none.
  public init?(name: String) {
    guard let found = Self.byName[name] else { return nil }
    self = found
  }

  private static let byName = Dictionary(uniqueKeysWithValues: allCases.map { ($0.name, $0) })

  /// Size of one element in bits.
  public var bitWidth: Int {
    switch self {
    case .f4: 4
    case .f6e2m3, .f6e3m2: 6
    case .bool, .u8, .i8, .f8e5m2, .f8e4m3, .f8e8m0, .f8e4m3fnuz, .f8e5m2fnuz: 8
    case .i16, .u16, .f16, .bf16: 16
    case .i32, .u32, .f32: 32
    case .c64, .f64, .i64, .u64: 64
    }
  }

  /// True if elements are real floats of whole bytes, the ones that averaging and conversion work on.
  public var isFloatingPoint: Bool {
    switch self {
    case .f8e5m2, .f8e4m3, .f8e8m0, .f8e4m3fnuz, .f8e5m2fnuz, .f16, .bf16, .f32, .f64: true
    default: false
    }
  }

  /// True if elements are integers or truth values, which no arithmetic of a network uses.
  public var isInteger: Bool {
    switch self {
    case .bool, .u8, .i8, .u16, .i16, .u32, .i32, .u64, .i64: true
    default: false
    }
  }

  /// True if every element is one real number of whole bytes, so that `ElementConversion` reads it.
  public var isReal: Bool {
    switch self {
    case .c64, .f4, .f6e2m3, .f6e3m2: false
    default: true
    }
  }
}

extension DType: CustomStringConvertible {
  /// The name in a safetensors header.
  public var description: String { name }
}
