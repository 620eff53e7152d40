import Platform

extension TorchTensor {
  /// Copies bytes of the tensor, counted from `byteOffset` in row-major order, out of its storage.
  func gather(
    from storage: UnsafeRawBufferPointer, at byteOffset: Int, into buffer: UnsafeMutableRawBufferPointer
  ) {
    let width = dtype.bitWidth / 8
    var element = byteOffset / width
    // A read may begin or end amid an element.
    var skipped = byteOffset % width
    var done = 0
    let inner = shape.last ?? 1
    while done < buffer.count {
      let column = element % inner
      var position = offset + column * (strides.last ?? 0)
      var row = element / inner
      for dimension in shape.indices.dropLast().reversed() {
        position += row % shape[dimension] * strides[dimension]
        row /= shape[dimension]
      }
      let step = strides.last ?? 0
      for _ in column..<inner {
        let count = min(width - skipped, buffer.count - done)
        memcpy(buffer.baseAddress! + done, storage.baseAddress! + position * width + skipped, count)
        done += count
        skipped = 0
        element += 1
        position += step
        if done == buffer.count { return }
      }
    }
  }
}
