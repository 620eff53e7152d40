import Checkpoint
import ImageData
import NetworkExecution
import Platform
import TensorMath

/// Measures the accuracy of networks under many settings in one pass over a labeled data set.
///
/// ```swift
/// let settings = [256, 288].map { Setting(preprocessing: Preprocessing(resize: $0, crop: 224)) }
/// let evaluator = try Evaluator(networks: [network], settings: settings, dataset: dataset)
/// try evaluator.run(workers: 2)
/// for outcomes in evaluator.measurements.outcomes { print(outcomes.accuracy().value, outcomes.meanLoss) }
/// ```
///
/// Each image is decoded once for all settings. Settings with the same network and input share a forward
/// pass.
public final class Evaluator {
  /// Networks that the settings refer to by index.
  public let networks: [Network]
  /// Measurements so far.
  public private(set) var measurements: Measurements
  let dataset: any ImageDataset
  let recalibrations: [Recalibration]
  private let outputs: [Int]?

  /// - Parameters:
  ///   - networks: the networks that the settings refer to by index; all of the same number of classes.
  ///   - settings: the settings to measure, at least one.
  ///   - dataset: labeled images.
  ///   - images: indices of the images to use, in order; nil is all of them.
  ///   - recalibrations: statistics for the settings with recalibrated BatchNorm.
  ///   - multiplyAdds: multiply-adds per image of every setting, if known already; nil counts them.
  ///   - outputs: outputs of the networks that the classes of the data set stand for, in the order of the labels; the
  ///     others have no part. Nil is all of them.
  /// - Throws: `EvaluationError` for no images and networks that cannot be compared or pooled; `ImageDataError`
  ///   for missing or impossible labels.
  public init(
    networks: [Network], settings: [Setting], dataset: any ImageDataset, images: [Int]? = nil,
    recalibrations: [Recalibration] = [], multiplyAdds: [Int]? = nil, outputs: [Int]? = nil
  ) throws {
    precondition(
      !settings.isEmpty && settings.allSatisfy { $0.networks.allSatisfy(networks.indices.contains) })
    precondition(
      settings.allSatisfy { setting in
        setting.batchNorm == .stored
          || setting.networks.allSatisfy { setting.recalibration(of: $0, among: recalibrations) != nil }
      })
    self.networks = networks
    self.recalibrations = recalibrations
    self.dataset = dataset
    self.outputs = outputs
    measurements = Measurements(
      settings: settings, images: images ?? Array(0..<dataset.count),
      multiplyAdds: try multiplyAdds ?? Self.multiplyAdds(of: settings, networks))
    try Self.check(networks, images: measurements.images, of: dataset)
    try dataset.checkLabels(
      of: measurements.images, classCount: outputs?.count ?? networks[0].classCount,
      classifier: outputs == nil ? "the network" : "the list of classes")
  }

  var settings: [Setting] { measurements.settings }
  var images: [Int] { measurements.images }

  /// Refuses networks of different class counts, and no images.
  ///
  /// - Throws: `EvaluationError`.
  public static func check(_ networks: [Network], images: [Int], of dataset: any ImageDataset) throws {
    let classes = networks[0].classCount
    for network in networks where network.classCount != classes {
      throw EvaluationError.unequalClassCounts(classes, network.classCount)
    }
    guard !images.isEmpty else { throw EvaluationError.noImages(dataset: dataset.name) }
  }

  /// Multiply-adds per image of every setting.
  public static func multiplyAdds(of settings: [Setting], _ networks: [Network]) throws -> [Int] {
    // Settings are many, sizes few.
    var known = networks.map { _ in [PassSize: Int]() }
    return try settings.map { setting in
      let size = PassSize(side: setting.preprocessing.crop, pooling: setting.pooling)
      let crops = setting.views.inputs(setting.preprocessing).count
      return try setting.networks.reduce(0) { total, index in
        let pass = try known[index][size] ?? multiplyAdds(networks[index], size)
        known[index][size] = pass
        return total + crops * pass
      }
    }
  }

  private struct PassSize: Hashable {
    var side: Int
    var pooling: ViewPooling
  }

  private static func multiplyAdds(_ network: Network, _ size: PassSize) throws -> Int {
    try network.multiplyAdds(height: size.side, width: size.side)
      + extraMultiplyAdds(of: size.pooling, network, size: size.side)
  }

  /// Multiply-adds of classifying every window after the first.
  private static func extraMultiplyAdds(of pooling: ViewPooling, _ network: Network, size: Int) throws -> Int
  {
    guard case .testTime(let window) = pooling else { return 0 }
    guard let classifier = network.classifier,
      let map = try network.pooledMapSize(height: size, width: size)
    else {
      throw EvaluationError.noPooling(architecture: network.architectureName)
    }
    let windows = (max(map.height, window) - window + 1) * (max(map.width, window) - window + 1)
    return (windows - 1) * classifier.featureCount * network.classCount
  }

  /// Bytes of the inputs that `run` has in memory at a time, at least: an image is decoded once for all settings.
  ///
  /// - Parameters:
  ///   - settings: the settings to measure.
  ///   - batchSize: images per batch; nil is what `run` chooses.
  public static func inputBytes(of settings: [Setting], batchSize: Int?) -> Int {
    let plan = PassPlan(settings, active: Array(settings.indices))
    return plan.bytesPerImage.multiplied(exactlyBy: batchSize ?? plan.defaultBatchSize) ?? Int.max
  }

  /// Takes over the measurements of an earlier run with the same settings and images.
  public func resume(_ earlier: Measurements) {
    precondition(earlier.settings == settings && earlier.images == images)
    measurements = earlier
  }

  /// Measures the images that have not been seen yet.
  ///
  /// Settings that have seen fewer images than others, having been added to an earlier sweep, catch up first.
  ///
  /// - Parameters:
  ///   - active: indices of the settings to measure; nil is all.
  ///   - limit: measures only the images before this place in the order; nil is all.
  ///   - batchSize: images per batch; nil chooses one that keeps the input of all settings within 256 MB.
  ///   - workers: decoding threads.
  ///   - narrow: called after each batch with the images' correctness for each active setting; returns the
  ///   settings
  ///     to go on with, ascending, all of them active. Nil measures every setting on all images.
  ///   - onLogits: called for every image and setting with the setting, the combined logits and the label.
  ///   - onBatch: called after each batch with the number of evaluations of one setting on one image in it.
  /// - Throws: errors of decoding, in the order of the images; `EvaluationError.notFinite` for a network that
  ///   yields NaN.
  public func run(
    only active: [Int]? = nil, upTo limit: Int? = nil, batchSize: Int? = nil, workers: Int,
    narrowing narrow: ((_ correct: [[Bool]]) -> [Int])? = nil,
    onLogits: ((_ setting: Int, _ logits: [Double], _ label: Int) -> Void)? = nil,
    onBatch: (Int) throws -> Void = { _ in }
  ) throws {
    let limit = limit ?? images.count
    let all = active ?? Array(settings.indices)
    func seen(_ setting: Int) -> Int { measurements.outcomes[setting].count }
    while let position = all.map(seen).min(), position < limit, Set(all.map(seen)).count > 1 {
      let next = all.map(seen).filter { $0 > position }.min() ?? limit
      try runTogether(
        all.filter { seen($0) == position }, upTo: min(next, limit), batchSize: batchSize, workers: workers,
        narrowing: nil, onLogits: onLogits, onBatch: onBatch)
    }
    try runTogether(
      all, upTo: limit, batchSize: batchSize, workers: workers, narrowing: narrow, onLogits: onLogits,
      onBatch: onBatch)
  }

  /// Measures settings that have seen the same images.
  private func runTogether(
    _ settings: [Int], upTo end: Int, batchSize: Int?, workers: Int,
    narrowing narrow: ((_ correct: [[Bool]]) -> [Int])?,
    onLogits: ((_ setting: Int, _ logits: [Double], _ label: Int) -> Void)?, onBatch: (Int) throws -> Void
  ) throws {
    var active = settings
    while let position = active.map({ measurements.outcomes[$0].count }).min(), position < end {
      let passes = PassPlan(self.settings, active: active, recalibrations: recalibrations)
      let loader = BatchLoader(
        dataset, indices: Array(images[position..<end]), batchSize: batchSize ?? passes.defaultBatchSize,
        views: passes.views, workers: workers, prefetch: PassPlan.prefetch)
      // A new loader whenever settings have left, so that their inputs are no longer prepared.
      while let batch = try loader.next() {
        try evaluate(batch, passes, onLogits: onLogits)
        try onBatch(batch.indices.count * active.count)
        if let narrow {
          let seen = batch.indices.count
          let kept = narrow(active.map { measurements.outcomes[$0].ranks.suffix(seen).map { $0 == 0 } })
          if kept.count < active.count {
            active = kept
            break
          }
        }
      }
    }
  }

  private func evaluate(
    _ batch: ImageBatch, _ plan: PassPlan, onLogits: ((Int, [Double], Int) -> Void)?
  ) throws {
    var logits: [[Double]] = []
    var times: [Double] = []
    let clock = ContinuousClock()
    let all = networks[0].classCount
    let classes = outputs?.count ?? all
    for pass in plan.passes {
      let start = clock.now
      let values = try self.logits(pass, batch.views[pass.view]).values
      logits.append(
        outputs.map { outputs in
          batch.labels.indices.flatMap { row in outputs.map { Double(values[row * all + $0]) } }
        } ?? values.map(Double.init))
      times.append((clock.now - start) / .seconds(1))
    }
    for (setting, passes) in plan.passesOfSetting {
      for (row, label) in batch.labels.enumerated() {
        let range = row * classes..<(row + 1) * classes
        guard passes.joined().allSatisfy({ logits[$0][range].allSatisfy(\.isFinite) }) else {
          throw EvaluationError.notFinite(
            item: dataset.itemName(batch.indices[row]), crop: settings[setting].preprocessing.crop)
        }
        let ofNetworks = passes.map { views in mean(views.map { logits[$0][range] }) }
        let combined = ofNetworks.count == 1 ? ofNetworks[0] : logMeanProbability(ofNetworks)
        measurements.outcomes[setting].append(Outcome(logits: combined, label: label))
        onLogits?(setting, combined, label)
      }
      measurements.seconds[setting] += passes.joined().reduce(0) { $0 + times[$1] }
    }
  }

  private func logits(_ pass: PassPlan.Pass, _ input: Tensor) throws -> Tensor {
    let statistics = pass.recalibration?.statistics
    switch pass.pooling {
    case .average: return try networks[pass.network].logits(input, statistics: statistics)
    case .testTime(let window):
      return try networks[pass.network].logits(input, window: window, statistics: statistics)
    }
  }
}

/// The forward passes that a set of settings needs, each of them once.
struct PassPlan {
  /// A network on one view of the images.
  struct Pass: Equatable {
    var network: Int
    var view: Int
    var pooling: ViewPooling
    /// Statistics that replace the stored ones; nil for the stored ones.
    var recalibration: Recalibration?
  }

  /// Identity of a pass; a network has one recalibration for every preprocessing.
  private struct PassKey: Hashable {
    var network: Int
    var view: Int
    var pooling: ViewPooling
    var statistics: Preprocessing?
  }

  private(set) var views: [Preprocessing] = []
  private(set) var passes: [Pass] = []
  /// For each active setting its index and, for each of its networks, the passes whose predictions it
  /// combines.
  private(set) var passesOfSetting: [(setting: Int, passes: [[Int]])] = []

  init(_ settings: [Setting], active: [Int], recalibrations: [Recalibration] = []) {
    var placeOfView: [Preprocessing: Int] = [:]
    var placeOfPass: [PassKey: Int] = [:]
    for index in active {
      let setting = settings[index]
      let inputs = setting.views.inputs(setting.preprocessing).map { view in
        placeOfView.place(of: view) { views.append(view) }
      }
      let own = setting.networks.map { network in
        let recalibration = setting.recalibration(of: network, among: recalibrations)
        return inputs.map { view in
          let key = PassKey(
            network: network, view: view, pooling: setting.pooling,
            statistics: recalibration?.preprocessing)
          return placeOfPass.place(of: key) {
            passes.append(
              Pass(network: network, view: view, pooling: setting.pooling, recalibration: recalibration))
          }
        }
      }
      passesOfSetting.append((index, own))
    }
  }

  /// Batches prepared while one is computed; more would only take memory, since computing takes longer.
  static let prefetch = 1

  /// The largest batch of at most 16 images whose views, with the batches prepared ahead, stay within 256 MB.
  ///
  /// The networks divide a batch into chunks of about eight images of 224 pixels, so that larger batches of
  /// one view gain nothing; batches of many views cost memory.
  var defaultBatchSize: Int {
    max(1, min(16, (256 << 20) / max(1, bytesPerImage * (1 + Self.prefetch))))
  }

  /// Bytes of an image's inputs, one for each view.
  var bytesPerImage: Int {
    views.reduce(0) { $0 + $1.crop * $1.crop * $1.channels * MemoryLayout<Float>.size }
  }
}

extension Setting {
  /// The statistics that a network uses under this setting; nil for its stored ones.
  public func recalibration(of network: Int, among all: [Recalibration]) -> Recalibration? {
    guard batchNorm == .recalibrated else { return nil }
    return all.first { $0.network == network && $0.preprocessing == preprocessing }
  }
}

extension Dictionary where Value == Int {
  /// The place of `key`; a new one comes after all others, and `append` puts there what belongs to it.
  fileprivate mutating func place(of key: Key, append: () -> Void) -> Int {
    if let place = self[key] { return place }
    let place = count
    self[key] = place
    append()
    return place
  }
}

/// Reasons that networks could not be measured on images.
public enum EvaluationError: ClassifiedError, Equatable {
  /// The data set has no images.
  case noImages(dataset: String)
  /// Two checkpoints have different numbers of classes.
  case unequalClassCounts(Int, Int)
  /// The network's output for an image contains NaN or infinity; `crop` in pixels.
  case notFinite(item: String, crop: Int)
  /// Too few images to fit a temperature on one half and to measure it on the other.
  case tooFewToCalibrate(count: Int)
  /// Test-time pooling needs a classifier directly after a global average, which the network does not have.
  case noPooling(architecture: String)
  /// There is no one input of a classifier per image: no classifier at the end, an ensemble, or test-time pooling.
  case noFeatures(reason: String)

  /// One line without the tool's name; names in it are escaped.
  public var description: String {
    switch self {
    case .noImages(let dataset): "\(escape(dataset)): no images to measure on"
    case .unequalClassCounts(let first, let other):
      "checkpoints of \(first) and of \(other) classes cannot be compared on the same data"
    case .notFinite(let item, let crop):
      "NaN or infinity in the network's output for \"\(escape(item))\" at crop \(crop); check the checkpoint's weights and statistics"
    case .tooFewToCalibrate(let count):
      "\(count) image\(count == 1 ? " is" : "s are") too few to fit a temperature and to measure it: at least 2 needed"
    case .noPooling(let architecture):
      "test-time pooling needs a classifier directly after a global average, which \(architecture) does not have"
    case .noFeatures(let reason): "no features before a classifier: \(reason)"
    }
  }
}

private func escape(_ name: String) -> String { TensorName(name).escaped }
