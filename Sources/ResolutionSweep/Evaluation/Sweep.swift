import ConvNet
import ImageData
import TensorMath

/// Measures many settings in one pass over a labelled data set.
///
/// Each image is decoded once for all settings. Settings that use the same network on the same input share its
/// forward pass, and networks share the input.
public final class Sweep {
  /// What the settings' network indices refer to.
  public let networks: [Network]
  /// What has been measured so far.
  public private(set) var measurements: Measurements
  private let dataset: any ImageDataset

  /// - Parameters:
  ///   - networks: what the settings' network indices mean; all of the same number of classes.
  ///   - settings: what to measure, at least one.
  ///   - dataset: labelled images.
  ///   - images: which of them, in what order; nil is all in order.
  /// - Throws: `SweepError` for missing or impossible labels, no images and unequal networks.
  public init(
    networks: [Network], settings: [Setting], dataset: any ImageDataset, images: [Int]? = nil
  ) throws {
    precondition(
      !settings.isEmpty && settings.allSatisfy { $0.networks.allSatisfy(networks.indices.contains) })
    self.networks = networks
    self.dataset = dataset
    measurements = Measurements(
      settings: settings, images: images ?? Array(0..<dataset.count),
      multiplyAdds: try settings.map { try Self.multiplyAdds($0, networks) })
    try checkLabels()
  }

  private var settings: [Setting] { measurements.settings }
  private var images: [Int] { measurements.images }

  private func checkLabels() throws {
    let classes = networks[0].classCount
    for network in networks where network.classCount != classes {
      throw SweepError.unequalClassCounts(classes, network.classCount)
    }
    guard !images.isEmpty else { throw SweepError.noImages(dataset: dataset.name) }
    for index in images {
      guard let label = dataset.label(index) else {
        throw SweepError.unlabelled(dataset: dataset.name, item: dataset.itemName(index))
      }
      guard (0..<classes).contains(label) else {
        throw SweepError.labelOutOfRange(
          dataset: dataset.name, item: dataset.itemName(index), label: label, classes: classes)
      }
    }
  }

  private static func multiplyAdds(_ setting: Setting, _ networks: [Network]) throws -> Int {
    let size = setting.preprocessing.crop
    let crops = setting.views.inputs(setting.preprocessing).count
    return try setting.networks.reduce(0) {
      try $0 + crops * networks[$1].multiplyAdds(height: size, width: size)
    }
  }

  /// Takes over what an earlier run measured of the same settings on the same images.
  public func resume(_ earlier: Measurements) {
    precondition(earlier.settings == settings && earlier.images == images)
    measurements = earlier
  }

  /// Measures the images that have not been seen yet.
  ///
  /// - Parameters:
  ///   - active: indices of the settings to measure, all of which have seen the same images; nil is all, or those
  ///     still in the race.
  ///   - limit: measures only the images before this place in the order; nil is all.
  ///   - batchSize: images per batch; nil chooses one that keeps the input of all settings within 128 MB.
  ///   - workers: decoding threads.
  ///   - race: drops settings between batches; nil measures all on everything.
  ///   - onBatch: called after each batch with the number of evaluations of one setting on one image in it.
  /// - Throws: errors of decoding, in the order of the images; `SweepError.notFinite` for a network that yields NaN.
  public func run(
    only active: [Int]? = nil, upTo limit: Int? = nil, batchSize: Int? = nil, workers: Int, race: inout Race?,
    onBatch: (Int) throws -> Void = { _ in }
  ) throws {
    let end = limit ?? images.count
    var active = race?.active ?? active ?? Array(settings.indices)
    while let position = active.map({ measurements.outcomes[$0].count }).min(), position < end {
      let passes = PassPlan(settings, active: active)
      let loader = BatchLoader(
        dataset, indices: Array(images[position..<end]), batchSize: batchSize ?? passes.defaultBatchSize,
        views: passes.views, workers: workers)
      // A new loader whenever settings have left: what they needed is then no longer prepared.
      while let batch = try loader.next() {
        try evaluate(batch, passes)
        try onBatch(batch.indices.count * active.count)
        if race != nil {
          let seen = batch.indices.count
          let correct = active.map { measurements.outcomes[$0].ranks.suffix(seen).map { $0 == 0 } }
          if !race!.observe(correct).isEmpty { break }
        }
      }
      active = race?.active ?? active
    }
  }

  private func evaluate(_ batch: ImageBatch, _ plan: PassPlan) throws {
    var logits: [[Double]] = []
    var times: [Double] = []
    let clock = ContinuousClock()
    let classes = networks[0].classCount
    for pass in plan.passes {
      let start = clock.now
      logits.append(try networks[pass.network].logits(batch.views[pass.view]).values.map(Double.init))
      times.append((clock.now - start) / .seconds(1))
    }
    for (setting, passes) in plan.passesOfSetting {
      for (row, label) in batch.labels.enumerated() {
        let range = row * classes..<(row + 1) * classes
        guard passes.allSatisfy({ logits[$0][range].allSatisfy(\.isFinite) }) else {
          throw SweepError.notFinite(
            item: dataset.itemName(batch.indices[row]), crop: settings[setting].preprocessing.crop)
        }
        let combined =
          passes.count == 1
          ? Array(logits[passes[0]][range]) : logMeanProbability(passes.map { Array(logits[$0][range]) })
        measurements.outcomes[setting].append(Outcome(logits: combined, label: label))
      }
      measurements.seconds[setting] += passes.reduce(0) { $0 + times[$1] }
    }
  }
}
