import CDeflate
import CZlib

/// CRC-32, that of gzip, zip and PNG, of `bytes`, continuing `crc`; that of nothing is 0.
package func crc32(_ bytes: UnsafeRawBufferPointer, continuing crc: UInt32 = 0) -> UInt32 {
  guard let start = bytes.baseAddress else { return crc }
  return libdeflate_crc32(crc, start, bytes.count)
}

/// CRC-32 of the concatenation of data with the checksum `first` and of `count` bytes with the checksum `second`.
package func combineCRC(_ first: UInt32, _ second: UInt32, _ count: Int) -> UInt32 {
  UInt32(crc32_combine(UInt(first), UInt(second), count))
}

/// Eight lowercase hexadecimal digits.
package func hexadecimal(_ crc: UInt32) -> String {
  let digits = String(crc, radix: 16)
  return String(repeating: "0", count: 8 - digits.count) + digits
}
