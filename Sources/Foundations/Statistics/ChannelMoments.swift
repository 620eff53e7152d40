import CNetworkKernels

/// Count, mean and sum of squared deviations of every channel, in float64, mergeable without cancellation.
///
/// Chan, Golub, LeVeque: "Updating Formulae and a Pairwise Algorithm for Computing Sample Variances" (1979).
public struct ChannelMoments: Sendable, Equatable {
  /// Number of values seen per channel.
  public private(set) var count: Double
  /// Mean per channel; 0 while nothing was seen.
  public private(set) var mean: [Double]
  /// Sum of squared deviations from the mean per channel.
  public private(set) var m2: [Double]

  /// Moments of no values.
  public init(channels: Int) {
    count = 0
    mean = Array(repeating: 0, count: channels)
    m2 = mean
  }

  /// Moments already computed elsewhere.
  /// - Parameters:
  ///   - count: Number of values per channel.
  ///   - mean: Mean per channel.
  ///   - m2: Sum of squared deviations per channel, of the length of `mean`.
  public init(count: Double, mean: [Double], m2: [Double]) {
    precondition(mean.count == m2.count, "\(mean.count) means, \(m2.count) sums of squares")
    self.count = count
    self.mean = mean
    self.m2 = m2
  }

  /// Adds the values summarized by `other`.
  ///
  /// With d the difference of the means: mean += d n_b/n and M2 += M2_b + d^2 n_a n_b/n. The result depends on the
  /// order of merges only by float64 rounding.
  public mutating func merge(_ other: ChannelMoments) {
    precondition(mean.count == other.mean.count, "\(mean.count) channels merged with \(other.mean.count)")
    guard other.count > 0 else { return }
    guard count > 0 else {
      self = other
      return
    }
    let total = count + other.count
    let share = other.count / total
    for channel in mean.indices {
      let difference = other.mean[channel] - mean[channel]
      mean[channel] += difference * share
      m2[channel] += other.m2[channel] + difference * difference * (count * share)
    }
    count = total
  }

  /// M2/n per channel; NaN while nothing was seen.
  public var biasedVariance: [Double] { m2.map { $0 / count } }

  /// M2/(n - 1) per channel; NaN or infinite for fewer than two values.
  public var unbiasedVariance: [Double] { m2.map { $0 / (count - 1) } }

  /// Moments of the columns of a matrix, accumulated in float64 in two passes (mean first).
  /// - Parameters:
  ///   - rows: The first element.
  ///   - count: Number of rows, which is the number of values per channel.
  ///   - channels: Number of columns.
  ///   - stride: Distance between rows in elements; `channels` if left out.
  public static func of(
    rows: UnsafePointer<Float>, count: Int, channels: Int, stride: Int? = nil
  ) -> ChannelMoments {
    guard count > 0 else { return ChannelMoments(channels: channels) }
    var mean = [Double](repeating: 0, count: channels)
    var m2 = mean
    ck_layer_kernels_best().pointee.moments(rows, count, channels, stride ?? channels, &mean, &m2)
    return ChannelMoments(count: Double(count), mean: mean, m2: m2)
  }
}
