import CCheckpointKernels

/// Restores blocks of a blob.
enum BlobDecoder {
  /// Decodes one block.
  ///
  /// - Parameters:
  ///   - stored: Its stored bytes, padding included for the last.
  ///   - base: The same range of the base tensor, for deltas.
  ///   - raw: Filled completely.
  /// - Throws: `BlobError`.
  static func decode(
    _ stored: UnsafeRawBufferPointer, _ block: BlobHeader.Block, _ header: BlobHeader,
    base: UnsafeRawBufferPointer?,
    into raw: UnsafeMutableRawBufferPointer
  ) throws(BlobError) {
    guard crc32(stored) == block.crc, stored[block.storedCount...].allSatisfy({ $0 == 0 }) else {
      throw BlobError("compressed data are damaged: block checksum")
    }
    let words = raw.count / header.width
    let planes = UnsafeMutableRawBufferPointer.allocate(byteCount: raw.count, alignment: 64)
    defer { planes.deallocate() }
    var at = 0
    for (index, plane) in block.planes.enumerated() {
      let source = UnsafeRawBufferPointer(rebasing: stored[at..<at + plane.count])
      let target = UnsafeMutableRawBufferPointer(rebasing: planes[index * words..<(index + 1) * words])
      if !plane.isDeflated {
        target.copyMemory(from: source)
      } else if !inflate(source, into: target) {
        throw BlobError("compressed data are damaged: deflate stream")
      }
      at += plane.count
    }
    ck_planes_kernels_best().pointee.merge(
      header.transform.kernel, Int32(header.width), planes.baseAddress?.assumingMemoryBound(to: UInt8.self),
      base?.baseAddress, words, raw.baseAddress)
  }
}
