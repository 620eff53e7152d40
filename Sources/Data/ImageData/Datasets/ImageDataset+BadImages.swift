import Platform

extension ImageDataset {
  /// An image that cannot be decoded.
  public typealias BadImage = (place: Int, error: ImageDataError)

  /// Decodes images to find the bad ones.
  ///
  /// To know them before the work begins keeps everything after it simple: batches are full, shards agree on what there
  /// is, and results of an interrupted run fit those of the next.
  /// - Parameters:
  ///   - indices: The images meant.
  ///   - limit: Number of bad images after which the search stops.
  ///   - pool: Threads that decode.
  ///   - onImages: Called now and then with the number of images decoded since.
  /// - Returns: The first bad images by their place in `indices`, at most `limit`.
  /// - Throws: Errors of reading, which are no fault of an image.
  public func badImages(
    among indices: [Int], limit: Int, pool: ThreadPool, onImages: (Int) -> Void = { _ in }
  ) throws -> [BadImage] {
    var bad: [BadImage] = []
    for start in stride(from: 0, to: indices.count, by: 256) {
      let block = indices[start..<min(start + 256, indices.count)]
      var errors = [ImageDataError?](repeating: nil, count: block.count)
      try errors.withUnsafeMutableBufferPointer { errors in
        // Each thread writes the places of its own images.
        nonisolated(unsafe) let errors = errors
        try pool.forEach(block.count) { place, _ in
          do {
            _ = try image(block[start + place])
          } catch let error as ImageDataError where error.kind != .io {
            errors[place] = error
          }
        }
      }
      for (place, error) in errors.enumerated() where bad.count < limit {
        if let error { bad.append((start + place, error)) }
      }
      onImages(block.count)
      if bad.count >= limit { break }
    }
    return bad
  }
}
