import NetworkGraphs
import Platform
import TensorMath

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

/// Memory of activations, reused from layer to layer and call to call: fresh pages cost more than arithmetic.
final class BufferPool: @unchecked Sendable {
  /// A buffer that goes back to its pool with its last owner.
  final class Lease: Sendable {
    let buffer: Tensor
    /// Floats that were requested; the buffer may be larger.
    private let wanted: Int
    private let pool: BufferPool

    fileprivate init(_ buffer: Tensor, wanted: Int, _ pool: BufferPool) {
      self.buffer = buffer
      self.wanted = wanted
      self.pool = pool
    }

    deinit { pool.giveBack(buffer, wanted: wanted) }
  }

  private struct State {
    /// Unused buffers, the longest unused first.
    var free: [Tensor] = []
    /// Floats of all buffers, and those requested by current users, now and at most.
    var total = 0
    var used = 0
    var mostUsed = 0
    /// Limit on the memory of the pool: 1.5 times the most ever requested.
    var limit: Int { mostUsed + mostUsed / 2 }
  }

  private let lock = Condition()
  private var state = State()
  /// Floats after every buffer's end that kernels may read, though not use.
  private let slack: Int

  init(slack: Int) { self.slack = slack }

  /// Floats of all buffers, in use or not.
  var heldFloats: Int { lock.withLock { state.total } }

  /// A buffer of at least `floats` floats with undefined contents.
  func lease(_ floats: Int) -> Lease {
    let count = floats + slack
    let found = lock.withLock { () -> Tensor? in
      // The smallest that fits. If it is far too large a new one is better, but not repeatedly: when there
      // are too many already, one would be dropped only to be allocated again for the next image.
      let isFull = state.total + count > state.limit
      var best: Int?
      for (index, buffer) in state.free.enumerated()
      where buffer.count >= count && (isFull || buffer.count <= 2 * count + 4096) {
        if best.map({ state.free[$0].count > buffer.count }) ?? true { best = index }
      }
      let buffer = best.map { state.free.remove(at: $0) }
      state.used += count
      state.mostUsed = max(state.mostUsed, state.used)
      guard buffer == nil else { return buffer }
      state.total += count
      // Other sizes of input leave buffers that no longer fit anything.
      var dropped = 0
      while dropped < state.free.count && state.total > state.limit {
        state.total -= state.free[dropped].count
        dropped += 1
      }
      state.free.removeFirst(dropped)
      return nil
    }
    return Lease(found ?? Tensor(uninitialized: [count]), wanted: count, self)
  }

  private func giveBack(_ buffer: Tensor, wanted: Int) {
    lock.withLock {
      state.used -= wanted
      state.free.append(buffer)
    }
  }
}
