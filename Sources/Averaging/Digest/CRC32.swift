import CKernels

/// CRC-32 as in gzip and PNG, of data that may come in pieces and out of order.
struct CRC32 {
  private static let variant = ck_crc32_best()

  /// The checksum of `bytes`.
  static func of(_ bytes: UnsafeRawBufferPointer) -> UInt32 {
    ck_crc32(variant, 0, bytes.baseAddress, bytes.count)
  }

  /// The checksums of `count` mapped bytes each; nil when a page could not be read.
  static func ofMapped(_ pointers: [UnsafeRawPointer?], count: Int) -> [UInt32]? {
    var checksums = [UInt32](repeating: 0, count: pointers.count)
    let status = ck_mapped_checksums(
      { ck_crc32(CRC32.variant, $0, $1, $2) }, pointers, pointers.count, count, &checksums)
    return status == 0 ? checksums : nil
  }

  /// Remembers the operators of the few lengths that pieces have.
  private var shifts: [Int: UInt32] = [:]

  /// The checksum of two pieces in a row, the second of `count` bytes.
  mutating func join(_ first: UInt32, _ second: UInt32, count: Int) -> UInt32 {
    let shift: UInt32
    if let known = shifts[count] {
      shift = known
    } else {
      shift = ck_crc32_shift(UInt64(count))
      if shifts.count < 1024 { shifts[count] = shift }
    }
    return ck_crc32_join(first, second, shift)
  }

  /// Eight hexadecimal digits.
  static func text(_ checksum: UInt32) -> String {
    let digits = String(checksum, radix: 16)
    return String(repeating: "0", count: 8 - digits.count) + digits
  }
}
