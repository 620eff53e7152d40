extension CheckpointSource {
  /// Calls `body` with a tensor's elements as doubles, a chunk at a time, in row-major order.
  ///
  /// - Throws: `CheckpointError.notReal` for complex and sub-byte element types, and errors of reading.
  func forEachChunk(
    of spec: TensorSpec, _ body: (UnsafeMutableBufferPointer<Double>) throws -> Void
  ) throws {
    guard spec.dtype.isReal else { throw CheckpointError.notReal(spec.name, spec.dtype) }
    let width = spec.dtype.bitWidth / 8
    let capacity = min(spec.elementCount, 1 << 16)
    let bytes = UnsafeMutableRawBufferPointer.allocate(byteCount: capacity * width, alignment: 64)
    let values = UnsafeMutableBufferPointer<Double>.allocate(capacity: capacity)
    defer {
      bytes.deallocate()
      values.deallocate()
    }
    var done = 0
    while done < spec.elementCount {
      let count = min(capacity, spec.elementCount - done)
      let chunk = UnsafeMutableRawBufferPointer(rebasing: bytes[..<(count * width)])
      try read(spec.name, at: done * width, into: chunk)
      let widened = UnsafeMutableBufferPointer(rebasing: values[..<count])
      ElementConversion.widen(UnsafeRawBufferPointer(chunk), spec.dtype, into: widened)
      try body(widened)
      done += count
    }
  }
}
