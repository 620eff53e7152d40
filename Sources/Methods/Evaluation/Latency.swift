import ImageData
import NetworkExecution
import TensorMath

/// Time that a network needs for a single image, as a service sees it; depends on the machine.
public struct Latency: Sendable, Equatable {
  /// Median of the runs in milliseconds.
  public let median: Double
  /// 95th percentile of the runs in milliseconds: the smallest time that at least 95 % of them do not exceed.
  public let percentile95: Double

  /// Runs before the measured ones, which bring weights and buffers into memory.
  public static let warmUps = 5
  /// Measured runs.
  public static let runs = 50

  /// A latency from its parts, in milliseconds.
  public init(median: Double, percentile95: Double) {
    self.median = median
    self.percentile95 = percentile95
  }

  /// - Parameter milliseconds: the time of every run, at least one.
  init(of milliseconds: [Double]) {
    let sorted = milliseconds.sorted()
    let count = sorted.count
    precondition(count > 0)
    let rank = Int((0.95 * Double(count)).rounded(.up))
    self.init(median: (sorted[(count - 1) / 2] + sorted[count / 2]) / 2, percentile95: sorted[rank - 1])
  }
}

extension Evaluator {
  /// Settings that differ in neither cost the same: the resize, for one, is no work of the network's.
  private struct LatencyKey: Hashable {
    var networks: [Int]
    var crop: Int
    var views: CropViews
    var pooling: ViewPooling
  }

  /// The latency of every setting on one image in memory: forward passes alone, without decoding and resizing.
  ///
  /// Settings with the same networks, crop, views and pooling run the same passes and share one measurement, so that
  /// noise does not rank them. The runs of one setting follow one another; several crops run one after the other.
  ///
  /// - Parameters:
  ///   - settings: the settings to measure.
  ///   - networks: the networks that they refer to by index.
  ///   - dataset: the images, of which the first is taken.
  ///   - onSetting: called after each setting.
  /// - Throws: `NetworkError.inputTooSmall`, `EvaluationError.noPooling`; errors of reading the image.
  public static func latencies(
    of settings: [Setting], _ networks: [Network], on dataset: any ImageDataset, onSetting: () -> Void = {}
  ) throws -> [Latency] {
    var known: [LatencyKey: Latency] = [:]
    return try settings.map { setting in
      defer { onSetting() }
      let key = LatencyKey(
        networks: setting.networks, crop: setting.preprocessing.crop, views: setting.views,
        pooling: setting.pooling)
      if let latency = known[key] { return latency }
      let latency = try self.latency(of: setting, networks, on: dataset)
      known[key] = latency
      return latency
    }
  }

  private static func latency(
    of setting: Setting, _ networks: [Network], on dataset: any ImageDataset
  ) throws -> Latency {
    let loader = BatchLoader(
      dataset, indices: [0], batchSize: 1, views: setting.views.inputs(setting.preprocessing), workers: 1)
    guard let inputs = try loader.next()?.views else { preconditionFailure("a data set without images") }
    let clock = ContinuousClock()
    var times: [Double] = []
    for run in 0..<Latency.warmUps + Latency.runs {
      let start = clock.now
      for network in setting.networks {
        for input in inputs { _ = try logits(networks[network], input, setting.pooling) }
      }
      if run >= Latency.warmUps { times.append((clock.now - start) / .milliseconds(1)) }
    }
    return Latency(of: times)
  }

  /// The logits with the stored statistics: whichever they are, they cost the same once they are in a checkpoint.
  private static func logits(_ network: Network, _ input: Tensor, _ pooling: ViewPooling) throws -> Tensor {
    switch pooling {
    case .average: return try network.logits(input)
    case .testTime(let window): return try network.logits(input, window: window)
    }
  }
}
