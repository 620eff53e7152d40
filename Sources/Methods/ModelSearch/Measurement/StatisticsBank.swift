import BatchNormCalibration
import Evaluation
import ImageData
import NetworkExecution
import Platform
import Statistics

/// The BatchNorm statistics of candidates under preprocessings, made of the first of the training images in a random order.
///
/// They equal those of one recalibration of the same images; a larger sample continues a smaller one. A batch is decoded once
/// for all candidates and sizes.
final class StatisticsBank {
  /// Statistics that are wanted.
  struct Key: Hashable {
    var candidate: Candidate
    var preprocessing: Preprocessing
  }

  /// Merged moments of the batches so far, layer by layer.
  private struct Moments {
    var imageCount = 0
    var batchCount = 0
    var layers: [ChannelMoments] = []

    mutating func add(_ batch: BatchMoments) {
      if layers.isEmpty {
        layers = batch.layers
      } else {
        for (index, moments) in batch.layers.enumerated() { layers[index].merge(moments) }
      }
      imageCount += batch.imageCount
      batchCount += 1
    }
  }

  /// Images per batch: statistics depend on it, because every batch normalizes with its own.
  static let batchSize = 32

  private let dataset: any ImageDataset
  private let order: [Int]
  private let workers: Int
  private let meter: WorkMeter
  private var moments: [Key: Moments] = [:]

  /// - Parameters:
  ///   - dataset: Training images.
  ///   - order: The images in use, in order.
  ///   - workers: Decoding threads.
  ///   - meter: Reports progress.
  init(dataset: any ImageDataset, order: [Int], workers: Int, meter: @escaping WorkMeter) {
    self.dataset = dataset
    self.order = order
    self.workers = workers
    self.meter = meter
  }

  /// The order in which recalibration with the same seed takes the images.
  static func order(imageCount: Int, seed: UInt64) -> [Int] {
    var generator = SeededGenerator(seed: seed, for: "image order")
    return generator.permutation(imageCount)
  }

  /// Number of images that would have to pass through a network for statistics of a sample.
  func missingImages(for key: Key, sample: Int) -> Int {
    let sample = min(sample, order.count)
    let known = moments[key]?.imageCount ?? 0
    return known > sample ? sample : sample - known
  }

  /// Makes the statistics that are missing.
  ///
  /// - Parameters:
  ///   - keys: Statistics that are wanted.
  ///   - sample: Number of images; whole batches unless it is the last sample.
  ///   - network: The network of a candidate for statistics.
  ///   - onBatch: Called with the preprocessing and the number of images that passed through a network.
  /// - Throws: `CalibrationError`; errors of loading.
  func prepare(
    _ keys: [Key], sample: Int, network: (Candidate) throws -> Network,
    onBatch: (Preprocessing, Int) throws -> Void
  ) throws {
    let sample = min(sample, order.count)
    for key in keys where moments[key].map({ $0.imageCount > sample }) ?? false { moments[key] = nil }
    let total = keys.reduce(0) { $0 + missingImages(for: $1, sample: sample) }
    guard total > 0 else { return }
    let advance = meter("recalibrating", total, "images")
    var networks: [Candidate: Network] = [:]
    for key in keys where networks[key.candidate] == nil && missingImages(for: key, sample: sample) > 0 {
      networks[key.candidate] = try network(key.candidate)
    }
    let starts = Set(keys.map { moments[$0]?.imageCount ?? 0 }).filter { $0 < sample }.sorted()
    for start in starts {
      precondition(start.isMultiple(of: Self.batchSize), "a sample that ends within a batch is the last")
      let behind = keys.filter { (moments[$0]?.imageCount ?? 0) == start }
      for views in BatchLoader.groups(of: behind.map(\.preprocessing).unique, batchSize: Self.batchSize) {
        let loader = BatchLoader(
          dataset, indices: Array(order[start..<sample]), batchSize: Self.batchSize, views: views,
          workers: workers, prefetch: 1)
        var number = start / Self.batchSize
        while let batch = try loader.next() {
          for (view, images) in zip(views, batch.views) {
            for key in behind where key.preprocessing == view {
              let network = networks[key.candidate]!
              let batchMoments = try BatchMoments(
                of: images, through: network, layers: network.trainedBatchNorms, batch: number)
              moments[key, default: Moments()].add(batchMoments)
              try onBatch(view, batchMoments.imageCount)
              advance(batchMoments.imageCount)
            }
          }
          number += 1
        }
      }
    }
  }

  /// The statistics of a candidate as a calibration of its network.
  ///
  /// - Returns: The calibration, and the number of batches that it is made of.
  func calibration(_ key: Key, of network: Network) throws -> (calibration: Calibration, batchCount: Int) {
    guard let known = moments[key] else { preconditionFailure("statistics that were not prepared") }
    var calibration = try Calibration(network: network, estimator: .pooled)
    // Pooled moments of many batches are those of one.
    try calibration.add(BatchMoments(batch: 0, imageCount: known.imageCount, layers: known.layers))
    return (calibration, known.batchCount)
  }
}
