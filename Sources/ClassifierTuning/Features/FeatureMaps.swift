import TensorMath

/// Frozen trunk outputs of a set of images: what every epoch of tuning reads instead of the images.
///
/// Each image has a map of `positions` × `channels` (the last BatchNorm's input), and a second one of the same size
/// where a residual is added behind that BatchNorm. Pooled features are maps of one position. Float32.
///
/// In memory an image's channels stand in blocks of eight: for every block first the positions of the map, then
/// those of the residual, so that one pass over an image is sequential and keeps its sums in registers. The last
/// block is filled up with zeros. Storing different images from different threads is safe.
public final class FeatureMaps: @unchecked Sendable {
  /// Number of images.
  public let count: Int
  /// Values per channel and image, height × width of the map.
  public let positions: Int
  /// Channels of the map.
  public let channels: Int
  /// Whether a residual map is kept beside each map.
  public let hasResidual: Bool

  static let lanes = 8
  /// Channels rounded up to whole blocks.
  let stride: Int
  private let imageLength: Int
  private let storage: UnsafeMutableBufferPointer<SIMD8<Float>>
  /// Per image and channel: mean over the positions and sum of squared deviations from it, [count, stride].
  private let mean: UnsafeMutableBufferPointer<Double>
  private let m2: UnsafeMutableBufferPointer<Double>

  /// Space for `count` images, all zeros.
  public init(count: Int, positions: Int, channels: Int, hasResidual: Bool) {
    self.count = count
    self.positions = positions
    self.channels = channels
    self.hasResidual = hasResidual
    stride = (channels + Self.lanes - 1) / Self.lanes * Self.lanes
    imageLength = stride / Self.lanes * positions * (hasResidual ? 2 : 1)
    storage = .allocate(capacity: count * imageLength)
    storage.initialize(repeating: .zero)
    mean = .allocate(capacity: count * stride)
    mean.initialize(repeating: 0)
    m2 = .allocate(capacity: count * stride)
    m2.initialize(repeating: 0)
  }

  deinit {
    storage.deallocate()
    mean.deallocate()
    m2.deallocate()
  }

  /// Bytes that `count` such images take.
  public static func byteCount(count: Int, positions: Int, channels: Int, hasResidual: Bool) -> Int {
    let stride = (channels + lanes - 1) / lanes * lanes
    return count * stride * (positions * (hasResidual ? 8 : 4) + 16)
  }

  /// Stores image `index`.
  ///
  /// - Parameters:
  ///   - map: [positions, channels], channels last.
  ///   - residual: the same shape; given exactly if `hasResidual`.
  public func store(_ index: Int, map: UnsafePointer<Float>, residual: UnsafePointer<Float>?) {
    precondition(index >= 0 && index < count && (residual != nil) == hasResidual)
    let runs = hasResidual ? 2 * positions : positions
    for block in 0..<stride / Self.lanes {
      let first = block * Self.lanes
      let width = min(Self.lanes, channels - first)
      let target = storage.baseAddress! + index * imageLength + block * runs
      for position in 0..<positions {
        for lane in 0..<width {
          target[position][lane] = map[position * channels + first + lane]
          if let residual {
            target[positions + position][lane] = residual[position * channels + first + lane]
          }
        }
      }
      storeMoments(target, at: index * stride + first)
    }
  }

  private func storeMoments(_ block: UnsafePointer<SIMD8<Float>>, at offset: Int) {
    var sum = SIMD8<Double>.zero
    for position in 0..<positions { sum += SIMD8<Double>(block[position]) }
    let average = sum / Double(positions)
    var squares = SIMD8<Double>.zero
    for position in 0..<positions {
      let deviation = SIMD8<Double>(block[position]) - average
      squares += deviation * deviation
    }
    for lane in 0..<Self.lanes {
      mean[offset + lane] = average[lane]
      m2[offset + lane] = squares[lane]
    }
  }

  /// The blocks of image `index`: per block `positions` vectors of the map, then as many of the residual.
  func blocks(of index: Int) -> UnsafePointer<SIMD8<Float>> {
    precondition(index >= 0 && index < count)
    return UnsafePointer(storage.baseAddress! + index * imageLength)
  }

  /// Mean and biased variance over all positions of the images in `rows`, per channel, in float64.
  ///
  /// From the images' own moments: the deviations inside the images plus those of their means (Chan, Golub and
  /// LeVeque 1979, for groups of one size).
  func moments(of rows: ArraySlice<Int>, pool: ThreadPool) -> (mean: [Double], variance: [Double]) {
    var means = [Double](repeating: 0, count: channels)
    var variances = means
    means.withUnsafeMutableBufferPointer { means in
      variances.withUnsafeMutableBufferPointer { variances in
        pool.forEachRange(of: channels, length: 256) { range in
          for channel in range {
            (means[channel], variances[channel]) = moments(of: rows, channel: channel)
          }
        }
      }
    }
    return (means, variances)
  }

  private func moments(of rows: ArraySlice<Int>, channel: Int) -> (mean: Double, variance: Double) {
    let images = Double(rows.count)
    var sum = 0.0
    for row in rows { sum += mean[row * stride + channel] }
    let average = sum / images
    var within = 0.0
    var between = 0.0
    for row in rows {
      within += m2[row * stride + channel]
      let deviation = mean[row * stride + channel] - average
      between += deviation * deviation
    }
    return (average, (within / Double(positions) + between) / images)
  }
}
