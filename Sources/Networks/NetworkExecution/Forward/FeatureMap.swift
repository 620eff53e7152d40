import NetworkGraphs

/// The maps of some images at one node: consecutive pixels, `stride` floats apart.
struct FeatureMap {
  private(set) var storage: BufferPool.Lease
  let images: Int
  let size: MapSize
  /// Floats between pixels: more than the map's channels where it is a part of a wider one.
  let stride: Int
  /// The first element of the first image.
  let pointer: UnsafeMutablePointer<Float>

  /// Maps with undefined contents in a buffer of their own.
  init(_ pool: BufferPool, images: Int, size: MapSize) {
    storage = pool.lease(images * size.count)
    self.images = images
    self.size = size
    stride = size.channels
    pointer = storage.buffer.pointer
  }

  private init(of whole: FeatureMap, first: Int, channels: Int) {
    storage = whole.storage
    images = whole.images
    size = MapSize(height: whole.size.height, width: whole.size.width, channels: channels)
    stride = whole.stride
    pointer = whole.pointer + first
  }

  /// A range of the channels, without a copy.
  func channels(from first: Int, count: Int) -> FeatureMap {
    FeatureMap(of: self, first: first, channels: count)
  }

  /// Floats between the first elements of neighboring images.
  var imageStride: Int { size.pixels * stride }

  var isContiguous: Bool { stride == size.channels }

  /// The first element of an image's map.
  func image(_ index: Int) -> UnsafeMutablePointer<Float> { pointer + index * imageStride }

  /// The first element of a row of an image's map.
  func row(_ row: Int, image: Int) -> UnsafeMutablePointer<Float> {
    pointer + (image * size.pixels + row * size.width) * stride
  }

  /// True if no other map, at another node or of other channels, has the same buffer.
  mutating func isOnlyOwner() -> Bool { isKnownUniquelyReferenced(&storage) }

  /// Copies all images without gaps.
  func copy(to target: UnsafeMutablePointer<Float>) {
    if isContiguous { return target.update(from: pointer, count: images * size.count) }
    for pixel in 0..<images * size.pixels {
      (target + pixel * size.channels).update(from: pointer + pixel * stride, count: size.channels)
    }
  }
}
