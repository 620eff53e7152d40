import TensorMath

/// The maps of some images at one node, in a buffer of their own.
struct FeatureMap {
  let buffer: Tensor
  let images: Int
  let size: MapSize

  /// The first element of an image's map.
  func image(_ index: Int) -> UnsafeMutablePointer<Float> { buffer.pointer + index * size.count }
}
