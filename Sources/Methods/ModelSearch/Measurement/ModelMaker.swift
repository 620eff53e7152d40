import BatchNormCalibration
import Checkpoint
import ImageData
import NetworkExecution
import Platform

/// Images that models are made with.
public struct ModelTraining: Sendable {
  /// Images for statistics, in order.
  var statistics: NetworkWorld.Images
  /// Labeled images for tuning; nil if nothing is tuned.
  var tuning: (any ImageDataset)?
  /// Folder for scratch files.
  var scratchFolder: String

  /// - Parameters:
  ///   - statistics: Images for statistics, in order.
  ///   - tuning: Labeled images for tuning; nil if nothing is tuned.
  ///   - scratchFolder: Folder for features that do not fit into memory.
  public init(statistics: NetworkWorld.Images, tuning: (any ImageDataset)?, scratchFolder: String) {
    self.statistics = statistics
    self.tuning = tuning
    self.scratchFolder = scratchFolder
  }
}

/// An entrant as it is written: a checkpoint, the tensors to replace in it, and the metadata, which lack the history.
public struct FinishedModel {
  /// The checkpoint.
  public let source: any CheckpointSource
  /// Tensors that replace those of the checkpoint.
  public let replacements: [TensorName: TensorValue]
  /// Metadata of the output.
  public let metadata: Metadata
}

/// Makes entrants into checkpoints: averages get their statistics, and leaders are tuned.
final class ModelMaker {
  private let store: CandidateStore
  private let recorded: Preprocessing
  private let tunings: [Tuning]
  private let bank: StatisticsBank
  private let tuner: LeaderTuning?
  private var tuned: [Entrant: String] = [:]

  /// - Parameters:
  ///   - store: The candidates.
  ///   - recorded: Preprocessing of the last checkpoint.
  ///   - training: Images that models are made with.
  ///   - tunings: The tunings of leaders, which share their features.
  ///   - seed: Seed of the tuning.
  ///   - pool: Runs the arithmetic.
  ///   - workers: Decoding threads.
  ///   - meter: Reports progress.
  init(
    store: CandidateStore, recorded: Preprocessing, training: ModelTraining, tunings: [Tuning], seed: UInt64,
    pool: ThreadPool, workers: Int, meter: @escaping WorkMeter
  ) {
    self.store = store
    self.recorded = recorded
    self.tunings = tunings
    bank = StatisticsBank(
      dataset: training.statistics.dataset, order: training.statistics.order, workers: workers, meter: meter)
    tuner = training.tuning.map {
      LeaderTuning(
        dataset: $0, seed: seed, pool: pool, workers: workers, scratchFolder: training.scratchFolder,
        meter: meter)
    }
  }

  /// Called with a number of images that passed through a network, and their preprocessing.
  typealias PassCounter = (_ images: Int, Preprocessing) throws -> Void

  /// Makes the statistics of entrants that are missing.
  ///
  /// - Parameters:
  ///   - entrants: Recalibrated entrants.
  ///   - sample: Number of images that statistics are made of.
  ///   - network: The network of a candidate for statistics.
  ///   - onPasses: Counts passes of images.
  func prepareStatistics(
    _ entrants: [Entrant], sample: Int, network: (Candidate) throws -> Network, onPasses: PassCounter
  ) throws {
    try bank.prepare(entrants.map(Self.key), sample: sample, network: network) { preprocessing, images in
      try onPasses(images, preprocessing)
    }
  }

  /// The statistics of an entrant that were prepared, and the number of batches that they are made of.
  func calibration(
    _ entrant: Entrant, of network: Network
  ) throws -> (calibration: Calibration, batchCount: Int) {
    try bank.calibration(Self.key(entrant), of: network)
  }

  private static func key(_ entrant: Entrant) -> StatisticsBank.Key {
    StatisticsBank.Key(candidate: entrant.candidate, preprocessing: entrant.preprocessing)
  }

  /// Makes an entrant to be written.
  ///
  /// - Parameters:
  ///   - entrant: The entrant.
  ///   - sample: Number of images that its statistics are made of.
  ///   - onPasses: Counts passes of images.
  /// - Throws: Errors of averaging, recalibration, tuning, reading and writing.
  func finish(_ entrant: Entrant, sample: Int, onPasses: PassCounter) throws -> FinishedModel {
    if entrant.tuning != nil {
      let model = try tunedModel(entrant, sample: sample, onPasses: onPasses)
      return FinishedModel(source: model.source, replacements: [:], metadata: model.metadata)
    }
    let model = try store.model(of: store.average(entrant.candidate))
    var metadata = model.metadata
    var replacements: [TensorName: TensorValue] = [:]
    if entrant.isRecalibrated || entrant.preprocessing != recorded {
      for (key, value) in entrant.preprocessing.metadataEntries { metadata[key] = value }
    }
    if entrant.isRecalibrated {
      try prepareStatistics(
        [entrant], sample: sample, network: { try store.model($0).statisticsNetwork() }, onPasses: onPasses)
      let (new, batches) = try calibration(entrant, of: model.network)
      replacements = try model.network.stored(new.statistics(), batchCount: batches, in: model.source)
      metadata[MetadataKey.batchNorm] = MetadataKey.BatchNormState.recalibrated
    }
    return FinishedModel(source: model.source, replacements: replacements, metadata: metadata)
  }

  /// The model of a tuned entrant; all tunings of its leader are made together.
  func tunedModel(_ entrant: Entrant, sample: Int, onPasses: PassCounter) throws -> CandidateModel {
    if tuned[entrant] == nil {
      guard let tuner else { preconditionFailure("no images to tune with") }
      let base = try finish(entrant.untuned, sample: sample, onPasses: onPasses)
      let path = store.file("leader-\(tuned.count).safetensors")
      try rewriteCheckpoint(
        base.source, replacing: base.replacements, metadata: base.metadata, to: .path(path))
      let model = try store.model(of: openCheckpoint(.path(path)))
      let all = tunings.contains(entrant.tuning!) ? tunings : [entrant.tuning!]
      let replacements = try tuner.tune(model, preprocessing: entrant.preprocessing, all)
      for (tuning, tensors) in zip(all, replacements) {
        var one = entrant
        one.tuning = tuning
        let path = store.file("tuned-\(tuned.count).safetensors")
        try rewriteCheckpoint(model.source, replacing: tensors, metadata: model.metadata, to: .path(path))
        tuned[one] = path
      }
      try onPasses(tuner.dataset.count, entrant.preprocessing)
    }
    return try store.model(of: openCheckpoint(.path(tuned[entrant]!)))
  }
}
