import BatchNormCalibration
import Checkpoint
import Evaluation
import ImageData
import NetworkExecution
import Platform
import ResolutionSweep

/// Entrants as networks on images: makes averages, statistics and tunings as they are asked for, and measures what the
/// scoreboard does not know yet.
///
/// Networks of a round are in memory together as far as a quarter of it holds them; they share decoding and resizing, and
/// the rest comes after them.
public final class NetworkWorld: SearchWorld {
  /// Labeled images and the order in which a search visits them.
  public struct Images: Sendable {
    let dataset: any ImageDataset
    let order: [Int]

    /// - Parameters:
    ///   - dataset: The images.
    ///   - order: Indices of the images in use, in the order in which they are visited.
    public init(_ dataset: any ImageDataset, order: [Int]) {
      self.dataset = dataset
      self.order = order
    }

    /// A name for the images in use: that of the data set, and their number.
    package var digest: String { "\(dataset.namesDigest), \(order.count) images" }
  }

  /// A network in memory: an average, or a tuned one.
  private enum NetworkKey: Hashable {
    case average(Candidate)
    case tuned(Entrant)
  }

  /// Everything that has been measured.
  public private(set) var board: Scoreboard
  private let store: CandidateStore
  private let images: [ImageSet: Images]
  private let training: ModelTraining
  private let maker: ModelMaker
  private let last: CandidateModel
  private let workers: Int
  private let meter: WorkMeter
  private let onSave: ((Scoreboard) throws -> Void)?
  /// Number of networks that are in memory at a time, each of them a second time for statistics.
  private let networkLimit: Int

  private var networks: [NetworkKey: CandidateModel] = [:]
  private var multiplyAddsOfCrop: [Int: Int] = [:]
  private let start = ContinuousClock.now
  private let earlierSeconds: Double
  private var charges: Charges
  private var lastSave = ContinuousClock.now

  /// - Parameters:
  ///   - store: The candidates.
  ///   - last: The model of the last checkpoint.
  ///   - recorded: Its preprocessing as far as its file says; outputs of another record theirs.
  ///   - images: The sets of images.
  ///   - training: Images that models are made with.
  ///   - tunings: The tunings of leaders, which share their features.
  ///   - board: Outcomes that are known already.
  ///   - isMerged: True if those outcomes are of shards, whose cost is part of that of this search.
  ///   - seed: Seed of the tuning.
  ///   - pool: Runs the arithmetic.
  ///   - workers: Decoding threads.
  ///   - meter: Reports progress.
  ///   - onSave: Called every ten seconds or so, and at the end of every round; nil keeps nothing.
  public init(
    store: CandidateStore, last: CandidateModel, recorded: Preprocessing, images: [ImageSet: Images],
    training: ModelTraining, tunings: [Tuning], board: Scoreboard, isMerged: Bool = false, seed: UInt64,
    pool: ThreadPool, workers: Int, meter: @escaping WorkMeter,
    onSave: ((Scoreboard) throws -> Void)?
  ) {
    self.store = store
    self.last = last
    self.images = images
    self.training = training
    self.board = board
    self.workers = workers
    self.meter = meter
    self.onSave = onSave
    maker = ModelMaker(
      store: store, recorded: recorded, training: training, tunings: tunings, seed: seed, pool: pool,
      workers: workers, meter: meter)
    let bytes = last.source.tensors.reduce(0) { $0 + $1.byteCount }
    networkLimit = max(1, memoryLimit / 4 / max(1, 4 * bytes))
    earlierSeconds = board.spent.seconds
    charges = Charges(paid: isMerged ? board : nil)
  }

  /// The order in which statistics take the images of a data set, which is that of a recalibration with the same seed.
  public static func statisticsOrder(imageCount: Int, seed: UInt64) -> [Int] {
    StatisticsBank.order(imageCount: imageCount, seed: seed)
  }

  // MARK: SearchWorld

  /// Multiply-adds of an entrant for one image, which its crop decides.
  public func multiplyAdds(of entrant: Entrant) throws -> Int { try multiplyAdds(entrant.preprocessing) }

  /// True if the scoreboard has these outcomes.
  public func isKnown(
    _ entrant: Entrant, on set: ImageSet, places: Range<Int>, statisticsImages: Int
  ) -> Bool {
    board.missing(Scoreboard.key(of: entrant, on: set, statisticsImages: statisticsImages), places).isEmpty
  }

  /// Cost so far. Images are those that were asked for, known or not, so that a search that goes on from a
  /// state decides as one that was never interrupted; time is that of all runs.
  public var spent: SearchCost {
    SearchCost(
      images: charges.images, multiplyAdds: board.spent.multiplyAdds,
      seconds: earlierSeconds + start.duration(to: .now) / .seconds(1))
  }

  /// Outcomes of entrants on images of a set; those that the scoreboard lacks are measured.
  ///
  /// - Throws: Errors of averaging, recalibration, tuning, loading and saving.
  public func outcomes(
    of entrants: [Entrant], on set: ImageSet, places: Range<Int>, statisticsImages: Int
  ) throws -> [EntrantOutcomes] {
    let keys = entrants.map { Scoreboard.key(of: $0, on: set, statisticsImages: statisticsImages) }
    for (entrant, key) in zip(entrants, keys) {
      charges.add(
        entrant, key, places, sample: min(statisticsImages, training.statistics.order.count),
        tuningImages: training.tuning?.count ?? 0)
    }
    // Usually all lack the same: blocks that an interrupted run has measured for some are few.
    var groups: [(places: [Int], entrants: [Entrant])] = []
    for (entrant, key) in zip(entrants, keys) {
      let missing = board.missing(key, places)
      if missing.isEmpty { continue }
      if let known = groups.firstIndex(where: { $0.places == missing }) {
        groups[known].entrants.append(entrant)
      } else {
        groups.append((missing, [entrant]))
      }
    }
    for group in groups {
      try measure(group.entrants, on: set, places: group.places, sample: statisticsImages)
    }
    if !groups.isEmpty { try save() }
    return keys.map { key in
      guard let outcomes = board.outcomes(key, places) else { preconditionFailure("was measured") }
      return outcomes
    }
  }

  // MARK: Measuring

  private func multiplyAdds(_ preprocessing: Preprocessing) throws -> Int {
    let crop = preprocessing.crop
    if let known = multiplyAddsOfCrop[crop] { return known }
    let count = try last.network.multiplyAdds(height: crop, width: crop)
    multiplyAddsOfCrop[crop] = count
    return count
  }

  private func key(_ entrant: Entrant) -> NetworkKey {
    entrant.tuning == nil ? .average(entrant.candidate) : .tuned(entrant)
  }

  /// Measures entrants on images, in chunks whose networks are in memory together.
  private func measure(_ entrants: [Entrant], on set: ImageSet, places: [Int], sample: Int) throws {
    guard let images = images[set] else { preconditionFailure("no such images") }
    var chunks: [[Entrant]] = []
    var keys: Set<NetworkKey> = []
    // Entrants of one network follow one another.
    var order: [NetworkKey: Int] = [:]
    for entrant in entrants where order[key(entrant)] == nil { order[key(entrant)] = order.count }
    for entrant in entrants.enumerated().sorted(by: {
      (order[key($0.element)]!, $0.offset) < (order[key($1.element)]!, $1.offset)
    }).map(\.element) {
      if chunks.isEmpty || !keys.contains(key(entrant)) && keys.count == networkLimit {
        chunks.append([])
        keys = []
      }
      keys.insert(key(entrant))
      chunks[chunks.count - 1].append(entrant)
    }
    try store.prepare(entrants.map(\.candidate).unique)
    for chunk in chunks { try measureTogether(chunk, on: set, images, places: places, sample: sample) }
  }

  private func measureTogether(
    _ entrants: [Entrant], on set: ImageSet, _ images: Images, places: [Int], sample: Int
  ) throws {
    let keys = entrants.map(key).unique
    let wanted = Set(keys)
    if networks.keys.contains(where: { !wanted.contains($0) }) && networks.count + keys.count > networkLimit {
      networks = networks.filter { wanted.contains($0.key) }
    }
    for key in keys where networks[key] == nil {
      switch key {
      case .average(let candidate): networks[key] = try store.model(candidate)
      case .tuned(let entrant):
        networks[key] = try maker.tunedModel(entrant, sample: sample, onPasses: count)
      }
    }
    try prepareStatistics(
      entrants.filter { $0.isRecalibrated && $0.tuning == nil }, sample: sample)
    let models = keys.map { networks[$0]! }
    var recalibrations: [Recalibration] = []
    let settings = try entrants.map { entrant -> Setting in
      let network = keys.firstIndex(of: key(entrant))!
      // A tuned file has its statistics in it.
      guard entrant.isRecalibrated, entrant.tuning == nil else {
        return Setting(networks: [network], preprocessing: entrant.preprocessing)
      }
      let model = models[network]
      let (calibration, batches) = try maker.calibration(entrant, of: model.network)
      recalibrations.append(
        Recalibration(
          network: network, preprocessing: entrant.preprocessing, batchCount: batches,
          statistics: try model.network.rounded(calibration, in: model.source)))
      return Setting(
        networks: [network], preprocessing: entrant.preprocessing, batchNorm: .recalibrated)
    }
    let evaluator = try Evaluator(
      networks: models.map(\.network), settings: settings, dataset: images.dataset,
      images: places.map { images.order[$0] }, recalibrations: recalibrations)
    let boardKeys = entrants.map { Scoreboard.key(of: $0, on: set, statisticsImages: sample) }
    let costs = try entrants.map { try multiplyAdds($0.preprocessing) }.reduce(0.0) { $0 + Double($1) }
    let advance = meter("measuring", places.count * entrants.count, "evaluations")
    func takeOver() {
      for (key, outcomes) in zip(boardKeys, evaluator.measurements.outcomes) {
        board.record(
          key, places.prefix(outcomes.count), ranks: outcomes.ranks, losses: outcomes.losses)
      }
    }
    try evaluator.run(
      workers: workers,
      onBatch: { evaluations in
        advance(evaluations)
        board.spent.images += evaluations
        board.spent.multiplyAdds += costs * Double(evaluations) / Double(entrants.count)
        if onSave != nil, lastSave.duration(to: .now) > .seconds(10) {
          takeOver()
          try save()
        }
      })
    takeOver()
  }

  private func save() throws {
    lastSave = .now
    guard let onSave else { return }
    var board = board
    board.spent.seconds = spent.seconds
    try onSave(board)
  }

  // MARK: Making models

  private func prepareStatistics(_ entrants: [Entrant], sample: Int) throws {
    try maker.prepareStatistics(
      entrants, sample: sample,
      network: { try (networks[.average($0)] ?? store.model($0)).statisticsNetwork() }, onPasses: count)
  }

  private func count(_ images: Int, _ preprocessing: Preprocessing) throws {
    let passes = SearchCost.passes(images, multiplyAdds: try multiplyAdds(preprocessing))
    board.spent = board.spent + passes
  }

  /// Makes an entrant to be written.
  ///
  /// - Parameters:
  ///   - entrant: The entrant.
  ///   - sample: Number of images that its statistics are made of.
  /// - Throws: Errors of averaging, recalibration, tuning, reading and writing.
  public func finish(_ entrant: Entrant, statisticsImages sample: Int) throws -> FinishedModel {
    try maker.finish(entrant, sample: sample, onPasses: count)
  }
}
