import CKernels
import Testing

@testable import Averaging

@Suite struct CRC32Tests {
  static let variants = [CK_CRC32_PLAIN, CK_CRC32_PCLMUL, CK_CRC32_VPCLMUL].filter {
    ck_crc32_supported($0) != 0
  }

  /// The check value of the catalogue of parametrised CRC algorithms, CRC-32/ISO-HDLC.
  @Test func checkValue() {
    for variant in Self.variants { #expect(ck_crc32(variant, 0, "123456789", 9) == 0xCBF4_3926) }
  }

  @Test func variantsAgreeAtEveryLengthAndSplit() {
    let data = (0..<1500).map { UInt8(truncatingIfNeeded: $0 &* 131 &+ $0 / 7) }
    var crc = CRC32()
    for count in 0...data.count {
      let expected = ck_crc32(CK_CRC32_PLAIN, 0, data, count)
      let split = count * 3 / 7
      let first = ck_crc32(CK_CRC32_PLAIN, 0, data, split)
      for variant in Self.variants {
        #expect(ck_crc32(variant, 0, data, count) == expected)
        let second = data.withUnsafeBytes { ck_crc32(variant, 0, $0.baseAddress! + split, count - split) }
        #expect(crc.join(first, second, count: count - split) == expected)
      }
    }
  }

  @Test func textHasEightDigits() { #expect(CRC32.text(0xAB) == "000000ab") }
}
