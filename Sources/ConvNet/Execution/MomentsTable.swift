import CKernels
import TensorMath

/// Moments of the blocks of some images, filled from several threads and merged in a fixed order.
final class MomentsTable: @unchecked Sendable {
  private let channels: Int
  private let mean: UnsafeMutablePointer<Double>
  private let m2: UnsafeMutablePointer<Double>
  private let counts: UnsafeMutablePointer<Int>

  init(slots: Int, channels: Int) {
    self.channels = channels
    mean = .allocate(capacity: max(slots * channels, 1))
    m2 = .allocate(capacity: max(slots * channels, 1))
    counts = .allocate(capacity: max(slots, 1))
    counts.initialize(repeating: 0, count: slots)
  }

  deinit {
    mean.deallocate()
    m2.deallocate()
    counts.deallocate()
  }

  /// Stores the moments of `rows` pixels; every slot belongs to one task.
  func set(_ slot: Int, _ kernels: ck_layer_kernels, _ pixels: UnsafePointer<Float>, rows: Int) {
    kernels.moments(pixels, rows, channels, channels, mean + slot * channels, m2 + slot * channels)
    counts[slot] = rows
  }

  /// The moments of every image, merged block by block.
  func perImage(images: Int, blocks: Int) -> [ChannelMoments] {
    (0..<images).map { image in
      var total = ChannelMoments(channels: channels)
      for slot in image * blocks..<(image + 1) * blocks {
        total.merge(
          ChannelMoments(
            count: Double(counts[slot]),
            mean: Array(UnsafeBufferPointer(start: mean + slot * channels, count: channels)),
            m2: Array(UnsafeBufferPointer(start: m2 + slot * channels, count: channels))))
      }
      return total
    }
  }
}
