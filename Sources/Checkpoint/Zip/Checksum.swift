import CKernels
import CZlib

private let bestVariant = ck_crc32_best()

/// CRC-32 of `bytes`, continuing `crc`.
func crc32(_ bytes: UnsafeRawBufferPointer, continuing crc: UInt32 = 0) -> UInt32 {
  guard let start = bytes.baseAddress else { return crc }
  return ck_crc32(bestVariant, crc, start, bytes.count)
}

/// CRC-32 of the concatenation of data with the checksum `first` and of `count` bytes with the checksum `second`.
func combineCRC(_ first: UInt32, _ second: UInt32, _ count: Int) -> UInt32 {
  UInt32(crc32_combine(UInt(first), UInt(second), count))
}

/// Eight lowercase hexadecimal digits.
func hexadecimal(_ crc: UInt32) -> String {
  let digits = String(crc, radix: 16)
  return String(repeating: "0", count: 8 - digits.count) + digits
}
