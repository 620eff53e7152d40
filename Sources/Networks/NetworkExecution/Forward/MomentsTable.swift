import CNetworkKernels
import Statistics

/// Moments of the blocks of some images' maps, filled from several threads and merged in a fixed order.
final class MomentsTable: @unchecked Sendable {
  private let map: FeatureMap
  private let blocks: RowBlocks
  private let mean: UnsafeMutablePointer<Double>
  private let m2: UnsafeMutablePointer<Double>

  private var channels: Int { map.size.channels }

  init(_ map: FeatureMap, blocks: RowBlocks) {
    self.map = map
    self.blocks = blocks
    mean = .allocate(capacity: max(map.images * blocks.count * map.size.channels, 1))
    m2 = .allocate(capacity: max(map.images * blocks.count * map.size.channels, 1))
  }

  deinit {
    mean.deallocate()
    m2.deallocate()
  }

  /// Measures the moments of a block of rows in some channels; every block belongs to one task.
  func measure(_ kernels: ck_layer_kernels, image: Int, block: Int, channels range: Range<Int>? = nil) {
    let range = range ?? 0..<channels
    let rows = blocks[block]
    let slot = (image * blocks.count + block) * channels + range.lowerBound
    kernels.moments(
      map.row(rows.lowerBound, image: image) + range.lowerBound, rows.count * map.size.width, range.count,
      map.stride,
      mean + slot, m2 + slot)
  }

  /// Measures the moments of all rows of an image in some channels.
  func measure(_ kernels: ck_layer_kernels, image: Int, channels range: Range<Int>? = nil) {
    for block in 0..<blocks.count { measure(kernels, image: image, block: block, channels: range) }
  }

  /// The moments of every image, merged block by block.
  func perImage() -> [ChannelMoments] {
    (0..<map.images).map { image in
      var total = ChannelMoments(channels: channels)
      for block in 0..<blocks.count {
        let slot = (image * blocks.count + block) * channels
        total.merge(
          ChannelMoments(
            count: Double(blocks[block].count * map.size.width),
            mean: Array(UnsafeBufferPointer(start: mean + slot, count: channels)),
            m2: Array(UnsafeBufferPointer(start: m2 + slot, count: channels))))
      }
      return total
    }
  }
}
