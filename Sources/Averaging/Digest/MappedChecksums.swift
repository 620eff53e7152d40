import CKernels
import Checkpoint

/// The CRC-32 of `count` mapped bytes at each pointer; nil when a page could not be read.
func mappedChecksums(_ pointers: [UnsafeRawPointer?], count: Int) -> [UInt32]? {
  var checksums = [UInt32](repeating: 0, count: pointers.count)
  let status = ck_mapped_checksums(
    { crc32(UnsafeRawBufferPointer(start: $1, count: $2), continuing: $0) }, pointers, pointers.count, count,
    &checksums)
  return status == 0 ? checksums : nil
}
