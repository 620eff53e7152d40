import CNetworkKernels
import Statistics

/// The running statistics of one BatchNorm: mean and variance per channel, float64.
///
/// The statistics of a network are an array of these in the order of `Network.batchNorms`.
///
/// ```swift
/// var statistics = network.runningStatistics
/// statistics[0].mean = Array(repeating: 0, count: network.batchNorms[0].channels)
/// let logits = try network.logits(images, statistics: statistics)
/// ```
public struct RunningStatistics: Sendable, Equatable {
  /// `running_mean`, `[channels]`.
  public var mean: [Double]
  /// `running_var`, `[channels]`, not negative.
  public var variance: [Double]

  /// Statistics of as many channels as each array has.
  public init(mean: [Double], variance: [Double]) {
    precondition(mean.count == variance.count, "\(mean.count) means, \(variance.count) variances")
    self.mean = mean
    self.variance = variance
  }

  /// (1 − `weight`)·self + `weight`·`other`, for mean and variance alike.
  public func mixed(with other: Self, weight: Double) -> Self {
    func mix(_ a: [Double], _ b: [Double]) -> [Double] {
      zip(a, b).map { (1 - weight) * $0 + weight * $1 }
    }
    return Self(mean: mix(mean, other.mean), variance: mix(variance, other.variance))
  }
}

/// A BatchNorm with its statistics folded in: y = x * scale + shift.
struct ChannelAffine: Sendable {
  var scale: [Float]
  var shift: [Float]

  /// - Parameters:
  ///   - weight: The BatchNorm's scale.
  ///   - bias: The BatchNorm's shift.
  ///   - convolutionBias: Bias of the convolution before it, if that has one.
  init(
    weight: [Float], bias: [Float], mean: [Double], variance: [Double], eps: Double, convolutionBias: [Float]?
  ) {
    scale = []
    shift = []
    for channel in mean.indices {
      let factor = Double(weight[channel]) / (variance[channel] + eps).squareRoot()
      let offset = Double(convolutionBias?[channel] ?? 0) - mean[channel]
      scale.append(Float(factor))
      shift.append(Float(Double(bias[channel]) + offset * factor))
    }
  }
}

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
