import CCheckpointKernels
import Testing

/// Byte planes, by every instruction set, against their definition.
struct PlaneKernelTests {
  struct Variant: Sendable, CustomTestStringConvertible {
    let kernels: ck_planes_kernels
    var testDescription: String { String(cString: ck_isa_name(kernels.isa)) }
  }

  static let variants = (0..<CK_ISA_COUNT.rawValue).compactMap { isa in
    ck_planes_kernels_for(ck_isa(isa)).map { Variant(kernels: $0.pointee) }
  }

  /// The word that the planes hold for `word`, both of `bits` bits.
  private static func transformed(_ word: UInt64, _ base: UInt64, _ transform: ck_transform, bits: UInt64)
    -> UInt64
  {
    let mask = UInt64.max >> (64 - bits)
    let sign = UInt64(1) << (bits - 1)
    func ordered(_ word: UInt64) -> UInt64 { (word & sign != 0 ? ~word : word | sign) & mask }
    func zigzag(_ difference: UInt64) -> UInt64 {
      let value = difference & mask
      return (value << 1 ^ (value & sign != 0 ? mask : 0)) & mask
    }
    return switch transform {
    case CK_ROTATE: (word << 1 | word >> (bits - 1)) & mask
    case CK_DELTA_FLOAT: zigzag(ordered(word) &- ordered(base))
    case CK_DELTA_INTEGER: zigzag(word &- base)
    default: word
    }
  }

  @Test(arguments: variants, [1, 2, 4, 8])
  func splitsByDefinitionAndMergesBack(variant: Variant, width: Int) {
    var generator = SeededBytes(state: 7)
    for count in [0, 1, 7, 64, 333] {
      // One byte further on: words need no alignment.
      let words = [0] + generator.bytes(count * width)
      let base = [0] + generator.bytes(count * width)
      func word(_ bytes: [UInt8], _ index: Int) -> UInt64 {
        (0..<width).reduce(0) { $0 | UInt64(bytes[1 + index * width + $1]) << (8 * UInt64($1)) }
      }
      for transform in [CK_PLAIN, CK_ROTATE, CK_DELTA_FLOAT, CK_DELTA_INTEGER] {
        var planes = [UInt8](repeating: 0xAA, count: count * width)
        var merged = [UInt8](repeating: 0xAA, count: count * width + 1)
        words.withUnsafeBytes { words in
          base.withUnsafeBytes { base in
            variant.kernels.split(
              transform, Int32(width), words.baseAddress! + 1, base.baseAddress! + 1, count, &planes)
            merged.withUnsafeMutableBytes {
              variant.kernels.merge(
                transform, Int32(width), planes, base.baseAddress! + 1, count, $0.baseAddress! + 1)
            }
          }
        }
        #expect(merged.dropFirst() == words.dropFirst())
        for i in 0..<count {
          let expected = Self.transformed(
            word(words, i), word(base, i), transform, bits: UInt64(8 * width))
          let found = (0..<width).reduce(UInt64(0)) {
            $0 | UInt64(planes[$1 * count + i]) << (8 * UInt64($1))
          }
          #expect(found == expected, "\(transform), word \(i) of \(count)")
        }
      }
    }
  }

  private struct SeededBytes {
    var state: UInt64
    mutating func bytes(_ count: Int) -> [UInt8] {
      (0..<count).map { _ in
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return UInt8(truncatingIfNeeded: state >> 56)
      }
    }
  }
}
